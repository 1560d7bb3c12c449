from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from anyio.abc import TaskStatus

from tests.contracts.store_cases import NOW, accept, an_event
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.store.contract import Decided, Outcome, SetPaused, Unit
from triphammer.service.store.sqlite.connection import InlineConnection
from triphammer.service.store.sqlite.migrations import migrate
from triphammer.service.store.sqlite.writer import GROUP, QUEUE, Writer

T = TypeVar("T")
pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


class Gate:
    """A connection that commits when it is let, and can be broken."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.raw, "test")
        self._inner = InlineConnection(self.raw)
        self.open = anyio.Event()
        self.entered = anyio.Event()
        self.broken: Exception | None = None
        self.transactions = 0

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        self.entered.set()
        await self.open.wait()
        if self.broken is not None:
            raise self.broken
        self.transactions += 1
        return await self._inner.run(function)


def unit(name: str = "f") -> Unit:
    return SetPaused(flow=name, paused=True, at=NOW)


def unexpected(error: Exception) -> None:
    raise AssertionError("unexpected") from error


async def test_what_has_queued_is_one_transaction() -> None:
    gate = Gate()
    gate.open.set()
    writer = Writer(gate, unexpected)
    done: list[int] = []

    def note(number: int, _: Sequence[Outcome]) -> None:
        done.append(number)

    for number in range(10):
        writer.post([unit()], partial(note, number))
    writer.close()
    await writer.run(task_status=_Started())
    assert (gate.transactions, done) == (1, list(range(10)))
    gate.raw.close()


async def test_a_group_is_bounded_and_a_batch_never_split() -> None:
    gate = Gate()
    gate.open.set()
    writer = Writer(gate, unexpected)
    sizes: list[int] = []
    for size in (GROUP - 1, 2, GROUP + 5, 1):
        writer.post([unit()] * size, lambda outcomes: sizes.append(len(outcomes)))
    writer.close()
    await writer.run(task_status=_Started())
    assert sizes == [GROUP - 1, 2, GROUP + 5, 1]
    assert gate.transactions == 4
    gate.raw.close()


async def test_commit_waits_for_room() -> None:
    gate = Gate()
    writer = Writer(gate, unexpected)
    order: list[str] = []
    async with anyio.create_task_group() as group:
        await group.start(writer.run)
        writer.post([unit()] * QUEUE, lambda _: order.append("full"))
        await gate.entered.wait()
        writer.post([unit()] * QUEUE, lambda _: order.append("full again"))

        async def late() -> None:
            await writer.commit([unit()])
            order.append("late")

        group.start_soon(late)
        await anyio.wait_all_tasks_blocked()
        gate.open.set()
        await anyio.wait_all_tasks_blocked()
        writer.close()
    assert order == ["full", "full again", "late"]
    gate.raw.close()


async def test_whoever_is_cancelled_meanwhile_still_learns_what_was_committed() -> None:
    gate = Gate()
    writer = Writer(gate, unexpected)
    learned: list[Outcome] = []

    async def ask() -> None:
        while True:
            learned.extend(await writer.commit([unit()]))

    async with anyio.create_task_group() as group:
        await group.start(writer.run)
        async with anyio.create_task_group() as asking:
            asking.start_soon(ask)
            await gate.entered.wait()
            asking.cancel_scope.cancel()
            gate.open.set()
        writer.close()
    assert learned == [True], "and asks for nothing more"
    gate.raw.close()


async def test_an_error_of_unknown_outcome_refuses_all_and_what_comes_later() -> None:
    gate = Gate()
    failures: list[Exception] = []
    writer = Writer(gate, failures.append)
    posted: list[Sequence[Outcome]] = []
    async with anyio.create_task_group() as group:
        await group.start(writer.run)
        group.start_soon(_refused, writer)
        await gate.entered.wait()
        group.start_soon(_refused, writer)
        writer.post([unit(), unit()], posted.append)
        await anyio.wait_all_tasks_blocked()
        gate.broken = sqlite3.OperationalError("disk I/O error")
        gate.open.set()
        await anyio.wait_all_tasks_blocked()
        await _refused(writer)
        writer.post([unit()], posted.append)
        writer.close()
    assert failures == [gate.broken]
    assert [len(p) for p in posted] == [2, 1]
    assert all(isinstance(o, StoreUnavailable) for p in posted for o in p)
    assert gate.transactions == 0
    gate.raw.close()


@pytest.mark.parametrize("where", ["in the transaction", "in an answer"])
async def test_nobody_waits_for_a_writer_that_has_crashed(where: str) -> None:
    gate = Gate()
    writer = Writer(gate, unexpected)
    crash = RuntimeError("a mistake of ours")

    def crashing(_: Sequence[Outcome]) -> None:
        raise crash

    async def run() -> None:
        async with anyio.create_task_group() as group:
            await group.start(writer.run)
            if where == "in an answer":
                writer.post([unit()], crashing)
            else:
                gate.broken = crash
            group.start_soon(_refused, writer)
            await anyio.wait_all_tasks_blocked()
            gate.open.set()

    with pytest.raises(ExceptionGroup) as caught:
        await run()
    assert caught.value.exceptions == (crash,)
    gate.raw.close()


async def test_nobody_waits_for_a_writer_that_has_ended() -> None:
    gate = Gate()
    gate.open.set()
    writer = Writer(gate, unexpected)
    writer.close()
    await writer.run(task_status=_Started())
    await _refused(writer)
    gate.raw.close()


async def test_a_cancelled_writer_commits_what_has_queued() -> None:
    gate = Gate()
    writer = Writer(gate, unexpected)
    outcomes: list[Outcome] = []
    async with anyio.create_task_group() as group:
        await group.start(writer.run)
        writer.post([unit("first")], outcomes.extend)
        await gate.entered.wait()
        writer.post([unit("second")], outcomes.extend)
        group.cancel_scope.cancel()
        gate.open.set()
    writer.post([unit("third")], outcomes.extend)
    assert outcomes[:2] == [True, True]
    assert isinstance(outcomes[2], StoreUnavailable)
    rows = gate.raw.execute("SELECT flow FROM paused").fetchall()
    assert rows == [("first",), ("second",)]
    gate.raw.close()


async def test_a_value_that_cannot_be_bound_is_its_units_fault_alone(tmp_path: Path) -> None:
    gate = Gate()
    gate.open.set()
    writer = Writer(gate, unexpected)
    async with anyio.create_task_group() as group:
        await group.start(writer.run)
        odd = SetPaused(flow=tmp_path, paused=True, at=NOW)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point
        huge = SetPaused(flow="g", paused=True, at=2**70)
        good = accept(Decided(event=an_event()))
        first, second, third = await writer.commit([odd, huge, good])
        assert isinstance(first, sqlite3.Error)
        assert isinstance(second, OverflowError)
        assert isinstance(third, tuple)
        writer.close()
    gate.raw.close()


async def _refused(writer: Writer) -> None:
    with pytest.raises(StoreUnavailable, match="cannot commit"):
        await writer.commit([unit()])


class _Started(TaskStatus[None]):
    def started(self, value: None = None) -> None:
        """Nobody waits for it."""


async def test_the_answer_comes_from_the_thread_that_writes() -> None:
    gate, failed = Gate(), list[Exception]()
    writer = Writer(gate, failed.append)
    answered: list[str] = []

    async def ask(name: str) -> None:
        await writer.answer()
        answered.append(name)

    async with anyio.create_task_group() as group:
        await group.start(writer.run)
        group.start_soon(ask, "once it lets go")
        await gate.entered.wait()
        await anyio.wait_all_tasks_blocked()
        assert not answered
        gate.open.set()
        await anyio.wait_all_tasks_blocked()
        gate.broken = sqlite3.OperationalError("disk I/O error")
        writer.post([unit()], lambda _: None)
        await ask("when it has given up")
        group.cancel_scope.cancel()
    assert answered == ["once it lets go", "when it has given up"]
    assert failed == [gate.broken]
    gate.raw.close()


async def test_what_is_posted_after_it_was_abandoned_is_refused() -> None:
    """Also from another thread, and also by whoever posts before the loop has heard of it."""
    gate, failed = Gate(), list[Exception]()
    writer = Writer(gate, failed.append)
    before, after = list[Outcome](), list[Outcome]()
    reason = OSError("an artifact cannot be kept")
    async with anyio.create_task_group() as group:
        await group.start(writer.run)
        writer.post([unit()], before.extend)
        await gate.entered.wait()
        await anyio.to_thread.run_sync(writer.abandon, reason)
        writer.post([unit()], after.extend)
        assert isinstance(after[0], StoreUnavailable)
        gate.open.set()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert not isinstance(before[0], Exception)  # it was on its way
    assert failed == [reason]
    gate.raw.close()
