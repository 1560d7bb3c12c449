"""Suspects on a clock that jumps: few at a time, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
import trio.testing

from triphammer.service.dispatcher.suspects import SUSPECT, TOGETHER, TRIAL_SECONDS, Suspects
from triphammer.service.dispatcher.underway import SLOT, Underway, blamed
from triphammer.service.store.contract import RunRow

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


def row(id: str, crashes: int = SUSPECT) -> RunRow:
    return RunRow(
        seq=1,
        id=id,
        flow="f",
        version="v",
        subscription="f",
        state="running",
        epoch=1,
        event="evt",
        params=b"{}",
        lineage=("f",),
        created_at=0,
        crashes=crashes,
    )


class Begun:
    """Who has begun when, and the table of those under way."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.table = bytearray(200 * SLOT)
        self.underway = Underway(self._write, 200, ())
        self.suspects = Suspects(self._begin, self.underway)
        self._start = anyio.current_time()

    def _write(self, text: bytes, at: int) -> None:
        self.table[at : at + SLOT] = text

    async def _begin(self, rows: Sequence[RunRow]) -> None:
        for row in rows:
            self.underway.begin(row.id)
            self.at[row.id] = anyio.current_time() - self._start

    def end(self, run: str) -> None:
        self.underway.end(run)
        self.suspects.end(run)

    def blamed(self) -> Sequence[str]:
        """Who would be blamed for a crash now."""
        return sorted(blamed(bytes(self.table), True))


async def test_the_next_begin_when_those_before_have_ended_or_survived() -> None:
    begun = Begun()
    async with anyio.create_task_group() as group:
        group.start_soon(begun.suspects.run)
        for n in range(5):
            begun.suspects.add(row(f"run_{n}"))
        await anyio.sleep(1)
        begun.end("run_x")  # it is not on trial: this is not the end of one
        begun.end("run_0")
        await anyio.sleep(TRIAL_SECONDS + 5)
        begun.suspects.add(row("run_5"))
        await anyio.sleep(TRIAL_SECONDS)
        group.cancel_scope.cancel()
    second, third = 1.0 + TRIAL_SECONDS, 1.0 + 2 * TRIAL_SECONDS
    assert begun.at == {
        "run_0": 0.0,
        "run_1": 1.0,
        "run_2": 1.0,
        "run_3": second,
        "run_4": second,
        "run_5": third,
    }


async def test_who_is_withdrawn_before_its_turn_has_none() -> None:
    begun = Begun()
    async with anyio.create_task_group() as group:
        group.start_soon(begun.suspects.run)
        for n in range(3):
            begun.suspects.add(row(f"run_{n}"))
        await anyio.sleep(1)
        begun.suspects.end("run_1")
        await anyio.sleep(2 * TRIAL_SECONDS)
        group.cancel_scope.cancel()
    assert begun.at == {"run_0": 0.0, "run_2": TRIAL_SECONDS}


async def test_many_innocents_are_not_kept_for_long() -> None:
    begun = Begun()
    async with anyio.create_task_group() as group:
        group.start_soon(begun.suspects.run)
        for n in range(100):
            begun.suspects.add(row(f"run_{n}"))
        await anyio.sleep(TRIAL_SECONDS * 8)
        group.cancel_scope.cancel()
    times = sorted(begun.at.values())
    assert [times.count(at) for at in dict.fromkeys(times)] == [1, 2, 4, 8, 16, TOGETHER, 32, 5]


async def test_who_has_crashed_in_a_group_goes_alone_and_last() -> None:
    begun = Begun()
    async with anyio.create_task_group() as group:
        group.start_soon(begun.suspects.run)
        for n in range(3):
            begun.suspects.add(row(f"run_again{n}", SUSPECT + 1))
        for n in range(3):
            begun.suspects.add(row(f"run_first{n}"))
        await anyio.sleep(TRIAL_SECONDS * 6)
        group.cancel_scope.cancel()
    assert [at / TRIAL_SECONDS for at in begun.at.values()] == [0, 1, 1, 2, 3, 4]
    assert list(begun.at)[3:] == ["run_again0", "run_again1", "run_again2"]


async def test_who_has_survived_is_not_blamed_while_others_are_tried() -> None:
    begun = Begun()
    async with anyio.create_task_group() as group:
        group.start_soon(begun.suspects.run)
        begun.underway.begin("run_new")
        for n in range(3):
            begun.suspects.add(row(f"run_{n}"))
        await anyio.sleep(1)
        assert begun.blamed() == ["run_0", "run_new"]
        await anyio.sleep(TRIAL_SECONDS)
        assert begun.blamed() == ["run_1", "run_2", "run_new"]
        begun.end("run_2")
        await anyio.sleep(TRIAL_SECONDS)
        assert begun.blamed() == ["run_0", "run_1", "run_new"], "nobody is tried"
        group.cancel_scope.cancel()
