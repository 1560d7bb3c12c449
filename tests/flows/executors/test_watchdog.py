"""Blocking the flow loop is told of with task, file and line, and so is its end."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from typing import TextIO

import anyio
import pytest

from tests.contracts.executor_cases import attempt, now
from triphammer.flows.executors.contract import Stalled
from triphammer.flows.executors.flow_loop import FlowLoop
from triphammer.flows.executors.watchdog import LockWatch, share_interpreter

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


let_go = threading.Event()


async def blocks() -> None:
    let_go.wait()  # the line that blocks


async def spins() -> None:
    while not let_go.is_set():
        pass


def line_of(function: Callable[..., object], text: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


async def stalls_of(body: Callable[[], object]) -> list[Stalled | None]:
    let_go.clear()
    told: list[Stalled | None] = []
    news = anyio.Event()

    def stall(stalled: Stalled | None) -> None:
        told.append(stalled)
        news.set()

    loop = FlowLoop(now, stall=stall)
    loop.bind(lambda _results: None)
    async with anyio.create_task_group() as group:
        await group.start(loop.run)
        loop.submit([attempt(body, task="culprit")])
        await news.wait()
        news = anyio.Event()
        let_go.set()
        await news.wait()
        group.cancel_scope.cancel()
    return told


async def test_a_call_that_blocks_is_named_and_its_end_told() -> None:
    stalled, over = await stalls_of(blocks)
    assert over is None
    assert stalled is not None
    assert (stalled.flow, stalled.run, stalled.task) == ("sample", "run_1", "culprit")
    assert (stalled.file, stalled.line) == (__file__, line_of(blocks, "the line that blocks"))
    assert stalled.seconds > 0.4


async def test_code_that_spins_is_named_too() -> None:
    stalled, over = await stalls_of(spins)
    assert over is None
    assert stalled is not None
    assert stalled.file == __file__
    first = line_of(spins, "while not")
    assert first <= stalled.line <= first + 1


async def test_an_idle_loop_is_left_alone() -> None:
    loop = FlowLoop(now, stall=lambda _stalled: pytest.fail("nothing blocks"))
    loop.bind(lambda _results: None)
    async with anyio.create_task_group() as group:
        await group.start(loop.run)
        loop.submit([attempt(lambda: None)])
        while loop.running:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


async def test_code_that_keeps_the_lock_is_watched_from_c(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    armed: list[float] = []
    over: list[bool] = []

    def arm(seconds: float, *, file: TextIO) -> None:
        armed.append(seconds)

    monkeypatch.setattr("faulthandler.dump_traceback_later", arm)
    monkeypatch.setattr("faulthandler.cancel_dump_traceback_later", lambda: over.append(True))
    watch = LockWatch(sys.__stderr__ or pytest.fail("no stderr"), seconds=0.04)
    async with anyio.create_task_group() as group:
        await group.start(watch.run)
        while len(armed) < 2:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert set(armed) == {0.04}
    assert over == [True]


def test_threads_take_turns_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[float] = []
    monkeypatch.setattr("sys.setswitchinterval", chosen.append)
    share_interpreter()
    assert chosen == [0.0005]
