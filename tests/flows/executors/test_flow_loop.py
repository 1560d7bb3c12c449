"""The flow loop: a thread of its own, batches, coroutines that will not end."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import anyio
import pytest

from tests.contracts.executor_cases import KINDS, at_work, attempt, now
from triphammer.config.settings import Limits
from triphammer.flows.executors.flow_loop import FlowLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_coroutines_run_side_by_side_in_one_other_thread() -> None:
    seen: set[int] = set()
    meeting = asyncio.Barrier(3)

    async def work() -> None:
        seen.add(threading.get_ident())
        await meeting.wait()

    attempts = [attempt(work, task=f"t{i}") for i in range(3)]
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit(attempts)
        for one in attempts:
            assert (await bench.result(one.id)).error is None
    assert len(seen) == 1
    assert threading.get_ident() not in seen


async def test_results_come_back_in_batches() -> None:
    attempts = [attempt(lambda: 1, task=f"t{i}") for i in range(500)]
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit(attempts)
        for one in attempts:
            await bench.result(one.id)
    assert bench.batches < 250


async def test_cancelling_before_the_first_step_means_it_never_begins() -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    one = attempt(work)
    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([one])
        bench.executor.cancel(one.id)
        result = await bench.result(one.id)
    assert result.cancelled
    assert begun == []


async def test_a_coroutine_that_will_not_end_is_given_up() -> None:
    let_go: list[asyncio.Event] = []

    async def deaf() -> str:
        let_go.append(asyncio.Event())
        while not let_go[0].is_set():
            try:
                await let_go[0].wait()
            except asyncio.CancelledError:
                continue
        return "late"

    soon = Limits(grace=timedelta(milliseconds=10))
    async with at_work(KINDS["async"], limits=soon) as bench:
        result = await bench.of(attempt(deaf, timeout=0.01))
        assert result.error is not None
        assert result.error.type == "AttemptTimeout"
        assert result.still_running
        assert bench.executor.running == 1

        async def free() -> None:
            let_go[0].set()

        await bench.of(attempt(free, task="other"))
        await bench.until_released(result.id)
        assert bench.executor.running == 0


async def test_what_it_returns_after_its_timeout_came_too_late() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late"
        return "never"

    async with at_work(KINDS["async"]) as bench:
        result = await bench.of(attempt(stubborn, timeout=0.01))
    assert result.value is None
    assert result.error is not None
    assert result.error.type == "AttemptTimeout"


async def test_one_that_does_not_yield_until_its_time_is_over_came_too_late() -> None:
    async def blocking() -> str:
        threading.Event().wait(0.05)
        return "late"

    async with at_work(KINDS["async"]) as bench:
        result = await bench.of(attempt(blocking, timeout=0.01))
    assert result.value is None
    assert result.error is not None
    assert result.error.type == "AttemptTimeout"


async def test_stopping_cancels_what_runs() -> None:
    begun, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    async with at_work(KINDS["async"]) as bench:
        bench.executor.submit([attempt(work)])
        await anyio.to_thread.run_sync(begun.wait)
    assert cleaned.is_set()


async def test_other_code_of_the_user_may_run_there_too() -> None:
    async def where(name: str) -> tuple[str, int]:
        return name, threading.get_ident()

    def plain(name: str) -> tuple[str, int]:
        return name, threading.get_ident()

    loop = FlowLoop(now)
    here, answers = threading.get_ident(), list[Any]()
    async with anyio.create_task_group() as group:
        await group.start(loop.run)
        answers += [await loop.call(where, "a"), await loop.call(plain, "b")]
        group.cancel_scope.cancel()
    assert [name for name, _ in answers] == ["a", "b"]
    assert here not in {ident for _, ident in answers}
