"""Targets that fail for long, targets that want nothing more, and when it is looked again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext

import anyio
import pytest
from trio.testing import MockClock

from tests.service.outbox.ledger import Ledger, ManualClock, make_worker, webhook
from tests.support.receiver import Answer, Receiver, open_receiver
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.outcome import Delivered, Outcome
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.store.contract import OutboxRow

pytestmark = pytest.mark.anyio
CONCURRENCY = 4
OPEN_AFTER = 5


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with open_receiver() as opened:
        yield opened


@asynccontextmanager
async def running(worker: OutboxWorker) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as group:
        await group.start(worker.run)
        yield
        group.cancel_scope.cancel()


def held(ledger: Ledger, clock: ManualClock) -> bool:
    """Whether nothing is left that is due."""
    pending = [row for row in ledger.rows.values() if row.state == "pending"]
    return bool(pending) and all(row.due_at > clock.now() for row in pending)


async def test_a_thousand_messages_do_not_hammer_a_dead_target(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    worker = make_worker(ledger, clock)
    receiver.always = lambda _: Answer(503)
    ledger.add(*(webhook(f"msg_{n}", receiver.url) for n in range(1000)))
    async with running(worker):
        await ledger.wait_until(lambda: held(ledger, clock))
        first = len(receiver.deliveries)
        assert OPEN_AFTER <= first <= OPEN_AFTER + 2 * CONCURRENCY
        for round_ in range(1, 9):
            clock.step(600)
            worker.notify()
            await ledger.wait_until(lambda: held(ledger, clock))
            assert len(receiver.deliveries) == first + round_, "one probe after each pause"
        probes = [delivery.id for delivery in receiver.deliveries[first:]]
        assert len(set(probes)) == len(probes), "not the same message over and over"
        receiver.always = lambda _: Answer()
        clock.step(600)
        worker.notify()
        await ledger.wait_until(lambda: all(r.state == "delivered" for r in ledger.rows.values()))
    assert worker.counts["delivered"] == 1000
    assert len(receiver.deliveries) == first + 8 + 1000


async def test_a_message_that_is_refused_closes_nothing(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    receiver.always = lambda d: Answer(422 if d.id.startswith("msg_bad") else 200)
    ledger.add(*(webhook(f"msg_bad{n}", receiver.url) for n in range(20)))
    ledger.add(webhook("msg_good", receiver.url))
    async with running(make_worker(ledger, clock)):
        assert (await ledger.settled("msg_good")).state == "delivered"


async def test_gone_disables_the_target(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    troubles: dict[str, str] = {}
    worker = make_worker(ledger, clock, troubles=troubles)
    gone, fine = receiver.url + "/gone", receiver.url + "/fine"
    receiver.always = lambda d: Answer(410 if d.path == "/gone" else 200)
    ledger.add(webhook("msg_1", gone, key="a"))
    async with running(worker):
        assert (await ledger.settled("msg_1")).state == "dead"
        ledger.add(webhook("msg_2", gone, key="a"), webhook("msg_3", gone), webhook("m4", fine))
        worker.notify()
        row = await ledger.settled("msg_3")
        await ledger.settled("m4")
        assert row.state == "dead"
        assert row.error is not None
        assert "disabled since 2026-01-01 00:00 UTC: 127.0.0.1 answered 410" in row.error
        assert "deadletters redrive --target" in row.error
        assert ledger.rows["msg_2"].state == "pending"
        assert "answered 410" in troubles[f"{receiver.url} (disabled)"]
    assert [d.id for d in receiver.deliveries if d.path == "/gone"] == ["msg_1"]


async def test_a_target_is_in_trouble_only_while_something_is_to_be_sent(
    receiver: Receiver,
) -> None:
    ledger, clock = Ledger(), ManualClock()
    untroubled = anyio.Event()

    class Watched(dict[str, str]):
        def __delitem__(self, key: str) -> None:
            super().__delitem__(key)
            untroubled.set()

    troubles = Watched()
    worker = make_worker(ledger, clock, troubles=troubles)
    receiver.always = lambda _: Answer(500)
    ledger.add(webhook("msg_1", receiver.url))
    async with running(worker):
        await ledger.attempted("msg_1")
        assert troubles == {receiver.url: "127.0.0.1 answered 500"}
        clock.step(7 * 86_400)
        worker.notify()
        assert (await ledger.settled("msg_1")).state == "dead"
        with anyio.fail_after(10):
            await untroubled.wait()
        assert troubles == {}


async def test_what_is_disabled_stays_so_until_it_is_enabled(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    troubles: dict[str, str] = {}
    worker = make_worker(ledger, clock, troubles=troubles)
    ledger.disabled[receiver.url] = "answered 410"
    ledger.add(webhook("msg_1", receiver.url))
    async with running(worker):
        assert (await ledger.settled("msg_1")).state == "dead"
        assert troubles
        del ledger.disabled[receiver.url]
        ledger.add(webhook("msg_2", receiver.url))
        worker.notify_acted()
        assert (await ledger.settled("msg_2")).state == "delivered"
    assert troubles == {}
    assert [d.id for d in receiver.deliveries] == ["msg_2"]
    assert worker.counts == {"dead": 1, "delivered": 1}


class Passing(Ledger):
    """A ledger whose rows become due right after they were looked for."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    async def outbox_due(self, now: int, limit: int) -> Sequence[OutboxRow]:
        found = await super().outbox_due(now, limit)
        self._clock.step(1)
        return found


class Accepting:
    async def deliver(self, message: OutMessage) -> Outcome:
        return Delivered()


def test_what_becomes_due_between_a_look_and_the_wait_is_not_left_lying() -> None:
    clock = ManualClock()
    ledger = Passing(clock)
    ledger.add(webhook("msg_1", "http://there"), at=clock.now() + 1)
    worker = make_worker(ledger, clock, courier=nullcontext(Accepting()))

    async def main() -> float:
        began = anyio.current_time()
        async with running(worker):
            await ledger.settled("msg_1")
            return anyio.current_time() - began

    options = {"clock": MockClock(autojump_threshold=0)}
    assert anyio.run(main, backend="trio", backend_options=options) < 0.1
