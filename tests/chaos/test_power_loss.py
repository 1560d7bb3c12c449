"""I1, I3 against the loss of power: the short version of `python -m tests.chaos.power_loss`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.power_loss import MISSING_FLUSHES, Recording, losses, record, scratch_folder
from tests.chaos.regime import seed, times
from tests.support.tracing import must_trace

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(1800), must_trace]
ROUNDS = 30
FEW = 10
"""Images of a disk that loses something: nearly every one of them shows it."""


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("honest") / "made", rounds=ROUNDS)


@pytest.fixture
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as folder:
        yield Path(folder)


def test_what_was_acknowledged_outlives_the_power(honest: Recording, scratch: Path) -> None:
    assert {"pwrite64", "fdatasync", "ftruncate", "rename"} <= {c.name for c in honest.calls}
    found = losses(honest, images=times(400), seed=seed(), scratch=scratch)
    print(found)
    assert found.images == times(400)
    assert not found.bad, str(found)


@pytest.mark.parametrize("flush", MISSING_FLUSHES)
def test_a_missing_flush_is_noticed(honest: Recording, scratch: Path, flush: str) -> None:
    drop = MISSING_FLUSHES[flush]
    assert any(map(drop, honest.calls))
    assert losses(honest, images=FEW, seed=1, scratch=scratch, drop=drop).bad


def test_synchronous_off_is_noticed(tmp_path: Path, scratch: Path) -> None:
    lax = record(tmp_path / "lax", rounds=ROUNDS, planted="no_flush")
    assert losses(lax, images=FEW, seed=1, scratch=scratch).bad
