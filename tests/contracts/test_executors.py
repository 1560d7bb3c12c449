"""One contract suite over every kind of executor."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from tests.contracts.executor_cases import (
    Make,
    at_work,
    attempt,
    make_async,
    make_inline,
    make_thread,
)
from triphammer.flows.context import context, current_context
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.journal import Encoded, OutMessage, StartRequest

pytestmark = pytest.mark.anyio

KINDS = {"async": make_async, "thread": make_thread, "inline": make_inline}
COROUTINES = {"async": make_async, "inline": make_inline}
leak: ContextVar[str] = ContextVar("leak", default="clean")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture(params=list(COROUTINES.values()), ids=list(COROUTINES))
def make_loop(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


def returning(value: Any) -> Callable[[], Any]:
    return lambda: value


def boom() -> None:
    raise ValueError("no luck with hunter2hunter2")


async def test_a_result_is_stored_and_timed(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(attempt(returning({"n": 1})))
    assert result.value == Encoded("json", b'{"n":1}')
    assert result.error is None
    assert 0 < result.started_at <= result.finished_at


async def test_an_error_is_described_masked_and_begins_in_the_users_code(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(attempt(boom))
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("ValueError", "no luck with ***")
    assert result.retryable
    assert "boom" in result.error.traceback
    assert "/executors/" not in result.error.traceback.replace("tests/", "")
    assert "hunter2" not in result.error.traceback


async def test_leaving_the_interpreter_fails_the_attempt_only(make: Make) -> None:
    def leave() -> None:
        raise SystemExit(3)

    async with at_work(make) as bench:
        result = await bench.of(attempt(leave))
        after = await bench.of(attempt(returning(1), task="after"))
    assert result.error is not None
    assert result.error.type == "SystemExit"
    assert after.error is None


async def test_a_broken_message_does_not_hide_the_failure(make: Make) -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def broken() -> None:
        raise Broken

    async with at_work(make) as bench:
        result = await bench.of(attempt(broken))
    assert result.error is not None
    assert result.error.type.endswith("Broken")
    assert "RuntimeError" in result.error.message


async def test_a_value_that_cannot_be_stored_is_a_misfit_without_retry(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(attempt(returning((1, 2))))
    assert result.error is not None
    assert result.error.type == ValueMisfit.__name__
    assert not result.retryable


async def test_the_body_sees_its_context_and_nobody_elses_variables(make: Make) -> None:
    def look() -> list[Any]:
        seen = [context().task, context().attempt, leak.get()]
        leak.set("dirty")
        return seen

    async with at_work(make) as bench:
        first = await bench.of(attempt(look, task="first", number=2))
        second = await bench.of(attempt(look, task="second"))
    assert first.value == Encoded("json", b'["first",2,"clean"]')
    assert second.value == Encoded("json", b'["second",1,"clean"]')
    assert current_context() is None
    assert [c.task for c in bench.ended] == ["first", "second"]


async def test_messages_starts_and_state_go_with_the_result(make: Make) -> None:
    message = OutMessage(id="msg_1", kind="kafka", target="t", body=b"1")
    request = StartRequest(id="start_1", flow="other", params=b"{}")

    def ask() -> None:
        context().outgoing.append(message)
        context().starts.append(request)
        context().state["n"] = context().state["n"] + 1

    async with at_work(make) as bench:
        result = await bench.of(attempt(ask, state={"n": b"1"}))
    assert result.outbox == (message,)
    assert result.starts == (request,)
    assert result.state_writes == {"n": b"2"}


async def test_a_failed_attempt_asks_for_nothing(make: Make) -> None:
    def ask() -> None:
        context().state["n"] = 1
        boom()

    async with at_work(make) as bench:
        result = await bench.of(attempt(ask))
    assert (result.outbox, result.starts, result.state_writes) == ((), (), {})


async def test_the_deadline_is_the_begin_and_the_timeout(make: Make) -> None:
    deadlines: list[datetime | None] = []

    def look() -> None:
        deadlines.append(context().deadline)

    async with at_work(make) as bench:
        result = await bench.of(attempt(look, timeout=30))
        await bench.of(attempt(look, task="other"))
    begun = datetime.fromtimestamp(result.started_at / 1e6, UTC)
    assert deadlines[0] is not None
    assert (deadlines[0] - begun).total_seconds() == pytest.approx(30, abs=1e-3)
    assert deadlines[1] is None


async def test_many_attempts_are_each_reported_once(make: Make) -> None:
    attempts = [attempt(returning(n), task=f"work[{n}]") for n in range(300)]
    async with at_work(make) as bench:
        bench.executor.submit(attempts)
        results = [await bench.result(one.id) for one in attempts]
    assert [r.value for r in results] == [Encoded("json", str(n).encode()) for n in range(300)]


async def test_cancelling_what_is_not_there_does_nothing(make: Make) -> None:
    one = attempt(returning(1))
    async with at_work(make) as bench:
        bench.executor.cancel(one.id)
        await bench.of(one)
        bench.executor.cancel(one.id)
        assert (await bench.of(attempt(returning(2), task="after"))).error is None


async def test_a_coroutine_is_awaited(make_loop: Make) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    async with at_work(make_loop) as bench:
        result = await bench.of(attempt(work))
    assert result.value == Encoded("json", b"5")


async def test_a_coroutine_is_cancelled(make_loop: Make) -> None:
    begun, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    one = attempt(work)
    async with at_work(make_loop) as bench:
        bench.executor.submit([one])
        await anyio.to_thread.run_sync(begun.wait)
        bench.executor.cancel(one.id)
        result = await bench.result(one.id)
    assert result.cancelled
    assert not result.retryable
    assert cleaned.is_set()


async def test_a_coroutine_that_takes_too_long_times_out(make_loop: Make) -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    async with at_work(make_loop) as bench:
        result = await bench.of(attempt(work, timeout=0.01))
    assert result.error is not None
    assert result.error.type == "AttemptTimeout"
    assert "0.01 s" in result.error.message
    assert result.retryable
    assert not result.still_running


async def test_code_that_cancels_itself_has_failed(make_loop: Make) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    async with at_work(make_loop) as bench:
        result = await bench.of(attempt(work))
    assert result.error is not None
    assert not result.cancelled
