"""The regime notices what is broken on purpose: the short version of
`python -m tests.chaos.planted`, which plants every fault there is."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.chaos.noticing import KILLED_AT, STORM, SUITES, noticed
from tests.chaos.planted import PLANTED
from tests.chaos.regime import seed, times
from tests.kafka.broker import Broker

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.chaos,
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


def test_each_has_somebody_who_is_to_notice() -> None:
    assert {*KILLED_AT, *SUITES, *STORM, "no_flush"} == set(PLANTED)


@pytest.mark.parametrize("name", [*SUITES, *STORM])
async def test_suites_and_storms_notice(name: str, kafka: Broker, tmp_path: Path) -> None:
    assert await noticed(name, tmp_path, kafka, seed())


async def test_the_kill_loop_notices(kafka: Broker, tmp_path: Path) -> None:
    given = seed()
    names = Random(given).sample(sorted(KILLED_AT), min(times(1), len(KILLED_AT)))
    for name in names:
        (tmp_path / name).mkdir()
        told = await noticed(name, tmp_path / name, kafka, given)
        print(f"{name}: {told}")
        assert told, name
