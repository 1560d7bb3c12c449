"""The executor of `run --debug`, apart from terminals: `tests/acceptance/test_debug.py`."""

from __future__ import annotations

from bdb import BdbQuit
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from triphammer.config.clock import SystemClock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import DebuggerLeft
from triphammer.flows.executors.contract import Executor, ExecutorContext
from triphammer.flows.executors.debugging import DebugExecutor
from triphammer.flows.executors.registry import executor_names
from triphammer.flows.flow import flow
from triphammer.flows.task import task
from triphammer.service.local import Local, Surroundings, with_local
from triphammer.service.store.contract import RunRow

Seen = list[tuple[str, str]]
pytestmark = pytest.mark.anyio
under_way: list[int] = []
most: list[int] = []


@task
async def alone(n: int) -> int:
    under_way.append(n)
    most.append(len(under_way))
    await anyio.lowlevel.checkpoint()
    under_way.remove(n)
    return n


@task(retries=1, backoff="1ms")
def failing() -> None:
    raise ValueError("no")


@task
def misfit() -> set[object]:
    return {object()}


@task
def leaving() -> None:
    raise BdbQuit


@flow
def many() -> object:
    return alone.map([1, 2, 3, 4])


@flow
def wrong() -> None:
    failing()
    misfit()


@flow
def left() -> None:
    leaving()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ran(flow: Any) -> tuple[RunRow, Seen]:
    """The run of a flow in which whoever looks only notes what was shown."""
    seen: Seen = []

    def look(error: BaseException, frames: TracebackType) -> None:
        seen.append((str(error), frames.tb_frame.f_code.co_name))

    def executors(context: ExecutorContext) -> dict[str, Executor]:
        return dict.fromkeys(executor_names(), DebugExecutor(context.now, look))

    async def action(local: Local) -> RunRow:
        return await local.wait(await local.start(flow.name, {}))

    around = Surroundings(
        SystemClock(), executors, Secrets(), Settings(), Path.cwd(), captured=False
    )
    row = await with_local({flow.name: definition_of(flow)}, action, around)
    return row, seen


async def test_attempts_go_one_after_the_other() -> None:
    row, _ = await ran(many)
    assert row.state == "succeeded"
    assert max(most) == 1


async def test_what_the_users_code_raises_is_looked_at_and_our_own_words_are_not() -> None:
    row, seen = await ran(wrong)
    assert row.state == "failed"
    assert seen == [("no", "failing"), ("no", "failing")]


async def test_leaving_the_debugger_ends_all() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await ran(left)
    assert raised.group_contains(DebuggerLeft, match="left in leaving")
