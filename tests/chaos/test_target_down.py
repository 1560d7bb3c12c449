"""A target is away for five minutes, the daemon is killed between sending and marking: every
message arrives at least once, under one id, in order per key, and nobody else waits."""

from __future__ import annotations

import logging
import math
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from random import Random

import anyio
import httpx
import msgspec
import pytest
from trio.testing import MockClock

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.chaos.audit import opened
from tests.chaos.regime import seed, times
from tests.contracts.store_cases import NOW, a_run, begun, changed, one
from tests.support.target import listening
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.outcome import Delivered, Outcome, Retry
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.store.contract import NewRun
from triphammer.service.store.opening import open_memory
from triphammer.service.store.sqlite.store import SqliteStore

pytestmark = pytest.mark.chaos
DOWN = "http://down.test/in"
OTHERS = [f"http://t{number}.test/in" for number in range(100)]
AWAY = (60.0, 360.0)
SECONDS = 420
KEYS = ("a", "b", "c", None, None)


class VirtualClock:
    """The wall clock of the loop's virtual time."""

    reread = math.inf

    def now(self) -> int:
        return NOW + round(anyio.current_time() * 1e6)

    async def wait_until(self, due: int) -> None:
        raise AssertionError("the worker waits by itself")


@dataclass
class Network:
    """All targets. One of them is away for a while: it refuses, hangs, or takes a message and
    its answer is lost."""

    random: Random
    sent: Counter[str] = field(default_factory=Counter[str])
    arrived: defaultdict[str, list[tuple[float, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    async def deliver(self, message: OutMessage) -> Outcome:
        self.sent[message.target] += 1
        if message.target == DOWN and AWAY[0] <= anyio.current_time() < AWAY[1]:
            return await self._fail(message)
        await anyio.sleep(self.random.uniform(0.01, 0.2))
        self.arrived[message.target].append((anyio.current_time(), message.id))
        if message.target == DOWN and self.random.random() < 0.05:
            return Retry("the answer was lost")
        return Delivered()

    async def _fail(self, message: OutMessage) -> Outcome:
        way = self.random.choice(["refuse", "hang", "take"])
        await anyio.sleep(30 if way == "hang" else 0.05)
        if way == "take":
            self.arrived[message.target].append((anyio.current_time(), message.id))
        return Retry(f"it is away ({way})")


@asynccontextmanager
async def networked(network: Network) -> AsyncGenerator[Network]:
    yield network


@dataclass
class Told:
    """What was committed, when, and what the outbox said of it."""

    committed: dict[str, tuple[float, OutMessage]] = field(
        default_factory=dict[str, tuple[float, OutMessage]]
    )
    settled: dict[str, str | None] = field(default_factory=dict[str, str | None])
    more: anyio.Event = field(default_factory=anyio.Event)

    def settle(self, run: str, task: str, id: str, error: str | None) -> None:
        self.settled[id] = error
        self.more.set()
        self.more = anyio.Event()

    async def wait_for_all(self) -> None:
        while len(self.settled) < len(self.committed):
            await self.more.wait()


async def publish(store: SqliteStore, run: NewRun, worker: OutboxWorker, told: Told) -> None:
    """Each second some for the target that goes away, and some for ten of the others."""
    numbers = iter(range(1_000_000))

    def message(target: str, key: str | None) -> OutMessage:
        id = f"msg_{next(numbers):06}"
        return OutMessage(id=id, kind="webhook", target=target, body=b"{}", key=key)

    for second in range(SECONDS):
        group = [message(DOWN, key) for key in KEYS]
        group += [message(target, "k") for target in OTHERS[second % 10 :: 10]]
        at = VirtualClock().now()
        told.committed.update({m.id: (anyio.current_time(), m) for m in group})
        await one(store, msgspec.structs.replace(changed(run, outbox=tuple(group)), at=at))
        worker.notify()
        await anyio.sleep(1)


async def five_minutes(network: Network, told: Told) -> None:
    async with open_memory() as memory, anyio.create_task_group() as group:
        await group.start(memory.run)
        run = a_run()
        await begun(memory.store, run)
        worker = OutboxWorker(
            store=memory.store,
            settings=Settings(),
            secrets=Secrets(),
            clock=VirtualClock(),
            random=network.random,
            log=logging.getLogger("test.outbox"),
            trouble=lambda target, reason: None,
            settled=told.settle,
            courier=networked(network),
        )
        await group.start(worker.run)
        await publish(memory.store, run, worker, told)
        await told.wait_for_all()
        counts = await memory.store.outbox_counts()
        assert counts == {"delivered": len(told.committed)}
        group.cancel_scope.cancel()


@pytest.mark.parametrize("round_", range(times(2)))
def test_five_minutes_without_a_target(round_: int) -> None:
    network, told = Network(Random(seed() + round_)), Told()
    anyio.run(
        five_minutes,
        network,
        told,
        backend="trio",
        backend_options={"clock": MockClock(autojump_threshold=0)},
    )
    assert set(told.settled.values()) == {None}
    audit_of_the_others(network, told)
    audit_of_the_one_that_was_away(network, told)


def audit_of_the_others(network: Network, told: Told) -> None:
    """Each message once, at once, as if the one that is away did not exist."""
    for target in OTHERS:
        wanted = [id for id, (_, m) in told.committed.items() if m.target == target]
        assert [id for _, id in network.arrived[target]] == wanted
        for at, id in network.arrived[target]:
            assert at - told.committed[id][0] < 0.5


def audit_of_the_one_that_was_away(network: Network, told: Told) -> None:
    arrived = [id for _, id in network.arrived[DOWN]]
    wanted = [id for id, (_, m) in told.committed.items() if m.target == DOWN]
    assert set(arrived) == set(wanted)
    for key in filter(None, set(KEYS)):
        of_key = [id for id in arrived if told.committed[id][1].key == key]
        assert of_key == sorted(of_key), "in order, each may come again before the next"
    asked = network.sent[DOWN] - len(arrived)
    assert asked < 100, "a target that is away is not hammered"
    back = max(at for at, _ in network.arrived[DOWN])
    print(f"away: {len(wanted)} messages, {len(arrived) - len(wanted)} again, last at {back:.0f} s")


FLOW = """
from triphammer import Event, events, flow, send_webhook

@flow(on=events(type="go"))
def told(event: Event) -> None:
    send_webhook(event.data["url"], {"n": event.data["n"]}, key="one")
"""
MESSAGES = 6


def emit_all(daemon: DaemonProcess, url: str) -> None:
    """All in one transaction, so that none is missing whenever the daemon dies."""
    events = [
        {
            "specversion": "1.0",
            "type": "go",
            "source": "test",
            "id": str(number),
            "data": {"url": url, "n": number},
        }
        for number in range(MESSAGES)
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    daemon.post("/api/v1/events", json=events, headers=headers)


def test_a_kill_between_sending_and_marking_sends_the_same_id_again(make_daemon: Serve) -> None:
    with listening() as target:
        target.opened = True
        point = (sys.executable, "-m", "tests.chaos.launcher", "after_send:3", "--")
        daemon = make_daemon({"told": FLOW}, "", through=point)
        with suppress(httpx.HTTPError):  # it may die before it has answered
            emit_all(daemon, target.url)
        daemon.wait()
        assert len(target.accepted) == 3, "the third was sent, and died before it was marked"
        daemon.through = ()
        daemon.start()
        while len(set(target.accepted)) < MESSAGES:
            target.tried.wait()
            target.tried.clear()
        again = Counter(target.accepted)
        assert again[target.accepted[2]] == 2
        assert sorted(again.values()) == [1] * (MESSAGES - 1) + [2]
        daemon.kill()
        with closing(opened(daemon.project / ".triphammer" / "triphammer.db")) as database:
            in_order = [id for (id,) in database.execute("SELECT id FROM outbox ORDER BY seq")]
        assert list(dict.fromkeys(target.accepted)) == in_order
