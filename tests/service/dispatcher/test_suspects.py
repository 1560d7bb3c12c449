"""Suspects on a clock that jumps: one at a time, and nobody waits for ever."""

from __future__ import annotations

import anyio
import pytest
import trio.testing

from triphammer.service.dispatcher.suspects import PROBATION_SECONDS, Suspects
from triphammer.service.store.contract import RunRow

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


def row(id: str) -> RunRow:
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
        crashes=3,
    )


async def test_the_next_begins_when_the_one_before_has_ended_or_is_cleared() -> None:
    begun: list[tuple[str, float]] = []
    suspects = Suspects(lambda row: begin(row))
    start = anyio.current_time()

    async def begin(row: RunRow) -> None:
        begun.append((row.id, anyio.current_time() - start))

    async with anyio.create_task_group() as group:
        group.start_soon(suspects.run)
        for id in ("a", "b", "c"):
            suspects.add(row(id))
        await anyio.sleep(1)
        suspects.end("c")  # it has not begun: this is not its end
        suspects.end("a")
        await anyio.sleep(PROBATION_SECONDS + 5)
        suspects.add(row("d"))
        await anyio.sleep(PROBATION_SECONDS)
        group.cancel_scope.cancel()
    assert begun == [
        ("a", 0.0),
        ("b", 1.0),
        ("c", 1.0 + PROBATION_SECONDS),
        ("d", 1.0 + 2 * PROBATION_SECONDS),
    ]
