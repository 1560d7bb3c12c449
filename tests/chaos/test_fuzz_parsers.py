"""Whatever comes in, a parser gives a value or its own clear error, and soon.

`python -m tests.chaos.fuzz` drives the same targets for as long as one likes.
"""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.chaos import regime
from tests.chaos.fuzz.mutations import NASTY, inputs
from tests.chaos.fuzz.table import TARGETS
from tests.chaos.fuzz.target import Target, judge

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.slow,
    # What Python says of a regular expression that its author should write in another way.
    pytest.mark.filterwarnings("ignore:Possible:FutureWarning"),
]
EXAMPLES = 100
MOST_MEMORY = 150
"""Bytes of memory that a byte of input may cost at most."""

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)


@each_target
def test_any_input_is_a_value_or_a_clear_error(target: Target) -> None:
    @seed(regime.seed())
    @settings(
        max_examples=regime.times(EXAMPLES),
        database=None,
        # Inputs are large and unlike each other by design.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(inputs(target))
    def fuzz(data: bytes) -> None:
        judge(target, data)

    for data in target.seeds:
        judge(target, data)
    fuzz()


@each_target
def test_a_large_input_takes_no_more_than_its_share(target: Target) -> None:
    """What took the square of the length would run into the test's time limit."""
    tracemalloc.start()
    try:
        for data in large_inputs(target):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            judge(target, data)
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before < MOST_MEMORY * len(data), data[:1000]
    finally:
        tracemalloc.stop()


def large_inputs(target: Target) -> list[bytes]:
    """Each word many times behind, and within, each seed."""
    words = (*target.words, *NASTY) if regime.times(1) > 1 else target.words
    many = [word * (target.large // len(word)) for word in words]
    return [
        data
        for text in target.seeds
        for word in many
        for data in (text + word, text[: len(text) // 2] + word + text)
    ]
