from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from tests.service.outbox.ledger import (
    UNAVAILABLE,
    Ledger,
    ManualClock,
    make_worker,
    outbox_settings,
    webhook,
)
from tests.support.receiver import Answer, Delivery, Receiver, open_receiver
from triphammer.config.settings import Settings
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox import troubles as troubles_module
from triphammer.service.outbox import worker as worker_module
from triphammer.service.outbox.outcome import Delivered, Outcome
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.store.contract import OutboxRow

pytestmark = pytest.mark.anyio


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


async def test_what_is_due_is_delivered_and_stored(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    worker = make_worker(ledger, clock)
    async with running(worker):
        ledger.add(webhook("msg_1", receiver.url))
        worker.notify()
        row = await ledger.settled("msg_1")
    assert (row.state, row.attempts, row.error) == ("delivered", 1, None)
    assert worker.counts == {"delivered": 1}


class SlowToRead(Ledger):
    """Hands out what it has read only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reading: anyio.Event | None = None
        self.go_on = anyio.Event()

    async def outbox_due(self, now: int, limit: int) -> Sequence[OutboxRow]:
        rows = await super().outbox_due(now, limit)
        if self.reading is not None:
            self.reading.set()
            await self.go_on.wait()
        return rows


class Patient:
    """Takes each message, and answers when it is told to."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answers = anyio.Event()

    async def deliver(self, message: OutMessage) -> Outcome:
        self.taken.append(message.id)
        await self.answers.wait()
        return Delivered()


@asynccontextmanager
async def opened(patient: Patient) -> AsyncGenerator[Patient]:
    yield patient


async def test_what_lands_while_the_outbox_is_read_does_not_go_again() -> None:
    ledger, patient = SlowToRead(), Patient()
    worker = make_worker(ledger, ManualClock(), courier=opened(patient))
    ledger.add(webhook("msg_1", "http://there.test/"))
    async with running(worker):
        await anyio.wait_all_tasks_blocked()
        assert patient.taken == ["msg_1"]
        ledger.reading = anyio.Event()
        ledger.add(webhook("msg_2", "http://there.test/"))
        worker.notify()
        await ledger.reading.wait()
        patient.answers.set()
        await ledger.settled("msg_1")
        await anyio.wait_all_tasks_blocked()
        ledger.reading = None
        ledger.go_on.set()
        await ledger.settled("msg_2")
        await anyio.wait_all_tasks_blocked()
    assert patient.taken == ["msg_1", "msg_2"]


async def test_a_failure_is_tried_again_under_the_same_id(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    troubles: dict[str, str] = {}
    worker = make_worker(ledger, clock, troubles=troubles)
    receiver.answers.extend([Answer(500), Answer(500)])
    ledger.add(webhook("msg_1", receiver.url))
    async with running(worker):
        for attempt in (1, 2):
            row = await ledger.attempted("msg_1", attempt)
            assert row.error == "127.0.0.1 answered 500"
            assert troubles == {receiver.url: "127.0.0.1 answered 500"}
            clock.step(10)
            worker.notify()
        row = await ledger.settled("msg_1")
    assert (row.state, row.attempts) == ("delivered", 3)
    assert [d.id for d in receiver.deliveries] == ["msg_1"] * 3
    assert troubles == {}
    assert worker.counts == {"failed": 2, "delivered": 1}


async def test_the_log_tells_which_trace_a_failure_is_of(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, trace = Ledger(), "ab" * 16
    worker = make_worker(ledger, ManualClock())
    receiver.answers.extend([Answer(500), Answer(500)])
    traced = {"traceparent": f"00-{trace}-{'cd' * 8}-01"}
    ledger.add(webhook("msg_1", receiver.url, headers=traced))
    ledger.add(webhook("msg_2", receiver.url))
    async with running(worker):
        await ledger.attempted("msg_1")
        await ledger.attempted("msg_2")
    told = {
        record.getMessage().split()[1]: vars(record).get("trace_id") for record in caplog.records
    }
    assert told == {"msg_1": trace, "msg_2": None}
    assert {delivery.headers.get("traceparent") for delivery in receiver.deliveries} == {
        traced["traceparent"],
        None,
    }


async def test_retry_after_puts_it_off(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    worker = make_worker(ledger, clock)
    receiver.answers.append(Answer(429, {"Retry-After": "600"}))
    ledger.add(webhook("msg_1", receiver.url))
    async with running(worker):
        row = await ledger.attempted("msg_1")
    assert row.due_at == clock.now() + 600_000_000


async def test_gone_is_a_dead_letter_that_parks_its_key(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    worker = make_worker(ledger, clock)
    receiver.answers.append(Answer(410))
    ledger.add(webhook("msg_1", receiver.url, key="a"))
    async with running(worker):
        assert (await ledger.settled("msg_1")).state == "dead"
        ledger.add(webhook("msg_2", receiver.url, key="a"), webhook("msg_3", receiver.url, key="b"))
        worker.notify()
        await ledger.settled("msg_3")
    assert ledger.rows["msg_2"].state == "pending"


async def test_one_key_is_delivered_in_commit_order(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    worker = make_worker(ledger, clock)
    failed: set[str] = set()

    def flaky(delivery: Delivery) -> Answer:
        if delivery.id in failed:
            return Answer()
        failed.add(delivery.id)
        return Answer(500)

    receiver.always = flaky
    messages = [webhook(f"msg_{n}", receiver.url, key=f"k{n % 2}") for n in range(10)]
    ledger.add(*messages)
    async with running(worker):
        for message in messages:
            await ledger.attempted(message.id)
            clock.step(60)
            worker.notify()
            await ledger.settled(message.id)
    for key in ("k0", "k1"):
        arrived = [d.id for d in receiver.deliveries if int(d.id[4:]) % 2 == int(key[1:])]
        assert arrived == sorted(arrived)


async def test_a_dead_target_delays_nobody_else(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "WINDOW", 40)
    ledger, clock = Ledger(), ManualClock()
    settings = Settings(outbox=outbox_settings(timeout=600, concurrency=4))
    worker = make_worker(ledger, clock, settings=settings)
    async with open_receiver() as dead:
        dead.always = lambda _: Answer(hold=anyio.Event())
        # More than a window of them: the live target's row is not even seen at first.
        crowd = worker_module.WINDOW + 100
        ledger.add(*(webhook(f"msg_d{n}", dead.url) for n in range(crowd)))
        ledger.add(webhook("msg_live", receiver.url))
        async with running(worker):
            assert (await ledger.settled("msg_live")).state == "delivered"
            assert len(await dead.wait_for(4)) == 4
            assert not any(r.attempts for r in ledger.results if r.id.startswith("msg_d"))
    assert len(dead.deliveries) == 4


async def test_draining_lets_deliveries_end_and_starts_none(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    worker = make_worker(ledger, clock)
    hold = anyio.Event()
    receiver.always = lambda _: Answer(hold=hold)
    ledger.add(*(webhook(f"msg_{n}", receiver.url) for n in range(6)))
    async with running(worker), anyio.create_task_group() as group:
        await receiver.wait_for(4)
        assert await worker.drain(0) == 4
        group.start_soon(worker.drain, 60)
        hold.set()
    states = [row.state for row in ledger.rows.values()]
    assert sorted(states) == ["delivered"] * 4 + ["pending"] * 2
    assert len(receiver.deliveries) == 4


async def test_what_was_cut_off_stays_pending(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    receiver.answers.append(Answer(hold=anyio.Event()))
    ledger.add(webhook("msg_1", receiver.url))
    async with running(make_worker(ledger, clock)):
        await receiver.wait_for(1)
    assert (ledger.rows["msg_1"].state, ledger.rows["msg_1"].attempts) == ("pending", 0)
    async with running(make_worker(ledger, clock)):
        assert (await ledger.settled("msg_1")).state == "delivered"


async def test_a_result_waits_for_the_store(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STORE_RETRY_SECONDS", 0.0)
    ledger, clock = Ledger(), ManualClock()
    ledger.add(webhook("msg_1", receiver.url))
    ledger.failures.extend([UNAVAILABLE, UNAVAILABLE])
    async with running(make_worker(ledger, clock)):
        row = await ledger.settled("msg_1")
    assert (row.state, row.attempts) == ("delivered", 1)
    assert len(receiver.deliveries) == 1, "the store's trouble must not send it again"


async def test_a_result_that_the_store_refuses_is_not_sent_over_and_over(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "REFUSED_SECONDS", 0.05)
    ledger, clock = Ledger(), ManualClock()
    ledger.add(webhook("msg_1", receiver.url))
    ledger.unit_failures.append(ValueError("a savepoint was rolled back"))
    async with running(make_worker(ledger, clock)):
        assert (await ledger.settled("msg_1")).state == "delivered"
    assert len(receiver.deliveries) == 2


async def test_a_store_that_cannot_be_read_is_asked_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STORE_RETRY_SECONDS", 0.01)
    ledger, clock = Ledger(), ManualClock()
    ledger.add(webhook("msg_1", receiver.url))
    ledger.read_failures.extend([UNAVAILABLE] * 4)
    async with running(make_worker(ledger, clock)):
        assert (await ledger.settled("msg_1")).state == "delivered"


async def test_only_the_latest_troubles_are_kept(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(troubles_module, "MOST", 3)
    ledger, clock = Ledger(), ManualClock()
    troubles: dict[str, str] = {}
    worker = make_worker(ledger, clock, troubles=troubles)
    ledger.add(*(webhook(f"msg_{n}", f"http://host{n}.invalid:1/", key="k") for n in range(5)))
    async with running(worker):
        for number in range(5):
            await ledger.attempted(f"msg_{number}")
    assert len(troubles) == 3


async def test_kafka_without_a_broker_stays_pending_and_says_why(receiver: Receiver) -> None:
    ledger, clock = Ledger(), ManualClock()
    troubles: dict[str, str] = {}
    worker = make_worker(ledger, clock, troubles=troubles)
    message = OutMessage(id="msg_k", kind="kafka", target="orders", body=b"{}")
    ledger.add(message, webhook("msg_1", receiver.url))
    async with running(worker):
        row = await ledger.attempted("msg_k")
        await ledger.settled("msg_1")
    assert row.error == "no Kafka broker configured ([kafka] bootstrap)"
    assert troubles == {"kafka kafka": row.error}


async def test_an_unknown_kind_is_dead() -> None:
    ledger, clock = Ledger(), ManualClock()
    ledger.add(OutMessage(id="msg_1", kind="pigeon", target="x", body=None))
    async with running(make_worker(ledger, clock)):
        assert (await ledger.settled("msg_1")).state == "dead"
