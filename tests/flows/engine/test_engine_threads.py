"""The engine with the daemon's own executors: the flow loop and worker threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest

from tests.flows.engine.bench import Shop, shop
from triphammer.config.clock import SystemClock
from triphammer.flows.context import context
from triphammer.flows.executors.contract import Executor
from triphammer.flows.executors.flow_loop import FlowLoop
from triphammer.flows.executors.threads import ThreadExecutor
from triphammer.flows.flow import flow
from triphammer.flows.task import task

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


@asynccontextmanager
async def real_shop(tmp_path: Path) -> AsyncGenerator[Shop]:
    clock = SystemClock()
    executors: dict[str, Executor] = {
        "async": FlowLoop(clock.now),
        "thread": ThreadExecutor(clock.now, threads=4),
    }
    async with shop(tmp_path, executors=executors, clock=clock) as s:
        yield s


@task
def split(n: int) -> list[int]:
    (context().workdir / "split").touch()
    return list(range(n))


@task
async def square(n: int) -> int:
    await asyncio.sleep(0)
    return n * n


@task
def add(squares: list[int]) -> list[Any]:
    return [sum(squares), threading.current_thread().name]


@flow
def squares(n: int) -> object:
    return add(square.map(split(n)))


async def test_plain_functions_and_coroutines_of_one_run(tmp_path: Path) -> None:
    async with real_shop(tmp_path) as s:
        s.begin(squares, n=500)
        end = await s.end()
        while (tmp_path / "run_1").exists():
            await anyio.lowlevel.checkpoint()
    assert end.result is not None
    assert msgspec.json.decode(end.result.body) == [41541750, "triphammer task"]
    assert len(s.journal.rows("run_1")) == 503


stuck, let_go = threading.Event(), threading.Event()


@task(timeout=0.02, retries=1, backoff="0s")
def hangs() -> int:
    if context().attempt == 1:
        stuck.set()
        let_go.wait()
    return context().attempt


@flow
def hanging() -> object:
    return hangs()


async def test_the_retry_of_a_function_that_hangs_waits_until_it_returns(tmp_path: Path) -> None:
    stuck.clear()
    let_go.clear()
    async with real_shop(tmp_path) as s:
        s.begin(hanging)
        while "retrying" not in s.journal.states_of("run_1").values():
            await anyio.lowlevel.checkpoint()
        let_go.set()
        end = await s.end()
    assert end.state == "succeeded"
    assert end.result is not None
    assert end.result.body == b"2"


@task
async def waits() -> None:
    await asyncio.Event().wait()


@flow
def waiting() -> object:
    return waits()


async def test_cancelling_reaches_the_coroutine_in_the_other_thread(tmp_path: Path) -> None:
    async with real_shop(tmp_path) as s:
        s.begin(waiting)
        loop = s.executors["async"]
        while loop.running == 0:
            await anyio.lowlevel.checkpoint()
        assert s.engine.cancel("run_1", "enough")
        assert (await s.end()).state == "cancelled"
        while loop.running:
            await anyio.lowlevel.checkpoint()


async def test_a_stop_leaves_what_runs_for_the_next_start(tmp_path: Path) -> None:
    async with real_shop(tmp_path) as s:
        s.begin(waiting)
        begun = time.monotonic()
        assert [name for _, name, _ in await s.engine.drain(0.01)] == ["waits"]
        assert time.monotonic() - begun < 60
    assert set(s.journal.states_of("run_1").values()) <= {"running"}
    assert s.ends == {}
