"""The worker on real stores: what the store hands out, and what it makes of the results."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.contracts.store_cases import NOW, a_message, a_run, begun, changed, one, opening, running
from tests.service.outbox.ledger import ManualClock, outbox_settings
from tests.support.receiver import Answer, Receiver, open_receiver
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.service.outbox.worker import OutboxWorker
from triphammer.service.store.contract import OutboxRow

pytestmark = pytest.mark.anyio


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with open_receiver() as opened:
        yield opened


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_messages_of_a_run_are_delivered_in_order(
    kind: str, tmp_path: Path, receiver: Receiver
) -> None:
    clock = ManualClock()
    clock.step((NOW - clock.now()) / 1e6 + 1)
    receiver.answers.append(Answer(500))
    run = a_run()
    messages = [a_message(target=receiver.url, key="k") for _ in range(3)]
    gone = a_message(target=receiver.url + "/gone")
    receiver.always = lambda delivery: Answer(410 if delivery.path == "/gone" else 200)
    rows: dict[str, OutboxRow] = {}
    async with running(opening(kind, tmp_path)) as opened, anyio.create_task_group() as group:
        store = opened.store
        worker = OutboxWorker(
            store=store,
            settings=Settings(outbox=outbox_settings()),
            secrets=Secrets(),
            clock=clock,
            random=Random(0),
            log=logging.getLogger("test.outbox"),
            trouble=lambda _target, _reason: None,
        )
        await group.start(worker.run)
        await begun(store, run)
        await one(store, changed(run, outbox=(*messages,)))
        worker.notify()
        await receiver.wait_for(1)
        while (await store.outbox_counts()).get("delivered") != 3:
            # The first try failed: its time has to come. Each look of ours is a step.
            clock.step(1)
            worker.notify()
            await anyio.lowlevel.checkpoint()
        await one(store, changed(run, outbox=(gone,)))
        worker.notify()
        while "dead" not in await store.outbox_counts():
            await anyio.lowlevel.checkpoint()
        rows = {row.message.id: row for row in await store.outbox()}
        assert await store.outbox_next_due() is None
        group.cancel_scope.cancel()
    arrived = [delivery.id for delivery in receiver.deliveries if delivery.path == "/"]
    assert arrived == [messages[0].id, *(message.id for message in messages)]
    assert rows[messages[0].id].attempts == 2
    assert rows[gone.id].error == "127.0.0.1 answered 410"
