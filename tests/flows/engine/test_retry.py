from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.flows.engine.retry import retry_delay
from triphammer.flows.graph import Backoff


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (Backoff(jitter=False), [1, 2, 4, 8, 16]),
        (Backoff(first=3, factor=10, cap=200, jitter=False), [3, 30, 200, 200, 200]),
        (Backoff(kind="linear", first=2, cap=7, jitter=False), [2, 4, 6, 7, 7]),
        (Backoff(kind="constant", first=0.5, jitter=False), [0.5] * 5),
    ],
)
def test_the_wait_grows_by_its_kind_up_to_the_cap(backoff: Backoff, delays: list[float]) -> None:
    assert [retry_delay(backoff, n, Random(1)) for n in range(1, 6)] == delays


def test_a_thousandth_retry_does_not_overflow() -> None:
    assert retry_delay(Backoff(jitter=False), 1000, Random(1)) == 300


@given(st.integers(1, 50), st.integers())
def test_full_jitter_draws_from_zero_to_the_whole_wait(failed: int, seed: int) -> None:
    whole = retry_delay(Backoff(jitter=False), failed, Random(0))
    assert 0 <= retry_delay(Backoff(), failed, Random(seed)) <= whole


def test_full_jitter_uses_the_whole_range() -> None:
    random = Random(7)
    drawn = [retry_delay(Backoff(kind="constant", first=1), 1, random) for _ in range(200)]
    assert min(drawn) < 0.1
    assert max(drawn) > 0.9
