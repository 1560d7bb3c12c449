"""The clock of `run --fast`: it jumps, in order, and only while nothing goes on."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from triphammer.service.hurry import HurriedClock

HOUR = 3_600_000_000


class Stopped:
    """A clock that stands still."""

    reread = 5.0

    def now(self) -> int:
        return 0

    async def wait_until(self, due: int) -> None:
        await anyio.sleep_forever()


@pytest.mark.anyio
async def test_it_jumps_to_what_is_due_first_once_all_is_quiet() -> None:
    clock, quiet, told = HurriedClock(Stopped()), anyio.Event(), list[tuple[int, int]]()

    async def when_quiet() -> None:
        await checkpoint()
        await quiet.wait()

    async def wait(due: int) -> None:
        await clock.wait_until(due)
        told.append((due, clock.now()))
        if due == HOUR:  # it works for a while
            await quiet_again()

    async def quiet_again() -> None:
        nonlocal quiet
        quiet = anyio.Event()
        for _ in range(10):
            await checkpoint()
        assert told == [(HOUR, HOUR)]
        quiet.set()

    clock.follow(when_quiet)
    async with anyio.create_task_group() as group:
        for hours in (3, 1, 2, 2):
            group.start_soon(wait, hours * HOUR)
        await anyio.wait_all_tasks_blocked()
        assert told == []
        quiet.set()
    assert told == [(n * HOUR, n * HOUR) for n in (1, 2, 2, 3)]


@pytest.mark.anyio
async def test_what_is_due_is_not_waited_for() -> None:
    clock = HurriedClock(Stopped())
    await clock.wait_until(0)
    assert clock.now() == 0
