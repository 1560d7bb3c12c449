"""Worker threads: what cannot be killed keeps its place."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import anyio
import pytest

from tests.contracts.executor_cases import KINDS, at_work, attempt, now
from triphammer.flows.executors.contract import ExecutorContext
from triphammer.flows.executors.threads import ThreadExecutor

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def one_thread(context: ExecutorContext) -> ThreadExecutor:
    return ThreadExecutor(now, threads=1, ended=context.ended)


async def until(event: threading.Event) -> None:
    await anyio.to_thread.run_sync(event.wait)


class Stuck:
    """A function that does not return before it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        self.let_go.wait()
        return "late"


async def test_after_a_timeout_the_function_keeps_its_thread_until_it_returns() -> None:
    stuck = Stuck()
    async with at_work(one_thread) as bench:
        result = await bench.of(attempt(stuck, timeout=0.01))
        assert result.error is not None
        assert result.error.type == "AttemptTimeout"
        assert result.still_running
        assert bench.executor.running == 1
        other = attempt(lambda: "other", task="other")
        bench.executor.submit([other])
        assert other.id not in bench.results
        stuck.let_go.set()
        assert (await bench.result(other.id)).error is None
        assert result.id in bench.released
        assert bench.executor.running == 0


async def test_a_retry_waits_for_the_attempt_that_still_runs() -> None:
    stuck = Stuck()
    first, second = attempt(stuck, timeout=0.01), attempt(lambda: stuck.let_go.is_set(), number=2)
    async with at_work(KINDS["thread"]) as bench:
        await bench.of(first)
        bench.executor.submit([second])
        other = await bench.of(attempt(lambda: 1, task="other"))
        assert other.error is None
        assert second.id not in bench.results
        stuck.let_go.set()
        result = await bench.result(second.id)
    assert result.value is not None
    assert result.value.body == b"true"


async def test_cancelling_a_function_that_runs_reports_it_as_still_running() -> None:
    stuck = Stuck()
    one = attempt(stuck)
    async with at_work(KINDS["thread"]) as bench:
        bench.executor.submit([one])
        await until(stuck.begun)
        bench.executor.cancel(one.id)
        result = await bench.result(one.id)
        assert result.cancelled
        assert result.still_running
        stuck.let_go.set()
        await bench.until_released(one.id)


async def test_cancelling_what_waits_for_a_thread_means_it_never_begins() -> None:
    stuck, begun = Stuck(), threading.Event()
    first, second = attempt(stuck), attempt(begun.set, task="second")
    async with at_work(one_thread) as bench:
        bench.executor.submit([first, second])
        bench.executor.cancel(second.id)
        result = await bench.result(second.id)
        assert result.cancelled
        assert not result.still_running
        stuck.let_go.set()
        await bench.until_released(second.id)
    assert not begun.is_set()


async def test_as_many_functions_run_at_once_as_there_are_threads() -> None:
    meeting = threading.Barrier(2)
    attempts = [attempt(meeting.wait, task=f"t{i}") for i in range(4)]
    async with at_work(KINDS["thread"]) as bench:
        bench.executor.submit(attempts)
        for one in attempts:
            assert (await bench.result(one.id)).error is None


async def test_a_function_in_time_is_not_timed_out() -> None:
    def body() -> Callable[[], None] | None:
        return None

    async with at_work(KINDS["thread"]) as bench:
        assert (await bench.of(attempt(body, timeout=60))).error is None


async def test_a_thread_without_work_keeps_nothing_of_the_last() -> None:
    gone = threading.Event()
    async with at_work(one_thread) as bench:
        given = Stuck()
        given.let_go.set()
        weakref.finalize(given, gone.set)
        last = attempt(given)
        await bench.of(last)
        del given, last
        await until(gone)
