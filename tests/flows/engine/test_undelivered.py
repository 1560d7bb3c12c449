"""`wait="delivered"`: done when the messages have arrived, failed when one never will."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows.engine.bench import MemoryJournal, shop
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.engine import RunStart, Sent
from triphammer.flows.flow import Flow, flow
from triphammer.flows.handle import chain
from triphammer.flows.journal import OutMessage, TaskRow
from triphammer.flows.outgoing import publish
from triphammer.flows.task import task

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@task
async def after() -> None: ...


@task
async def tell(n: int) -> int:
    publish("one", n)
    publish("two", n)
    return n


@flow
def telling() -> object:
    told = tell.options(wait="delivered", retries=3)(7)
    chain(told, after())
    return told


@flow
def telling_all() -> object:
    return tell.options(wait="delivered", max_parallel=1, errors="skip").map([1, 2])


def sent(journal: MemoryJournal) -> list[OutMessage]:
    return [message for change in journal.changes for message in change.outbox]


async def test_the_task_is_done_when_all_its_messages_have_arrived(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(telling)
        await wait_all_tasks_blocked()
        assert s.journal.states_of("run_1") == {"tell": "waiting"}
        one, two = sent(s.journal)
        s.engine.delivered("run_1", one.task, one.id)
        s.engine.delivered("run_1", one.task, one.id)
        await wait_all_tasks_blocked()
        assert s.journal.states_of("run_1") == {"tell": "waiting"}
        s.engine.delivered("run_1", two.task, two.id)
        end = await s.end()
        s.engine.delivered("run_1", two.task, two.id)
    assert end.result is not None
    assert end.result.body == b"7"
    assert s.journal.states_of("run_1") == {"tell": "succeeded", "after": "succeeded"}


async def test_a_dead_letter_fails_the_task_and_sends_nothing_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(telling)
        await wait_all_tasks_blocked()
        one, _ = sent(s.journal)
        s.engine.delivered("run_1", one.task, one.id, "410 Gone")
        end = await s.end()
    assert end.state == "failed"
    assert end.error is not None
    assert end.error.type == "NotDelivered"
    assert "410 Gone" in end.error.message
    assert len(sent(s.journal)) == 2


async def test_items_of_a_map_wait_in_their_places(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(telling_all)
        for _ in range(2):
            await wait_all_tasks_blocked()
            first, second = sent(s.journal)[-2:]
            s.engine.delivered("run_1", first.task, first.id)
            s.engine.delivered("run_1", second.task, second.id)
        end = await s.end()
    assert end.result is not None
    assert end.result.body == b"[1,2]"


async def test_cancelling_ends_the_wait(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(telling)
        await wait_all_tasks_blocked()
        s.engine.cancel("run_1", "enough")
        await s.end()
    assert s.journal.states_of("run_1") == {"tell": "cancelled", "after": "cancelled"}


def taken_up(what: Flow[..., Any], rows: dict[str, TaskRow], *messages: Sent) -> RunStart:
    return RunStart(
        id="run_1",
        epoch=1,
        flow=definition_of(what),
        event=None,
        params={},
        created_at=0,
        tasks=tuple(rows.values()),
        sent=messages,
    )


@pytest.mark.parametrize(
    ("states", "ends"),
    [
        (("delivered", "delivered"), "succeeded"),
        ((), "succeeded"),
        (("delivered", "dead"), "failed"),
        (("delivered", "pending"), None),
    ],
)
async def test_after_a_restart_what_arrived_meanwhile_is_known(
    tmp_path: Path, states: tuple[str, ...], ends: str | None
) -> None:
    journal = MemoryJournal()
    async with shop(tmp_path, journal=journal) as s:
        s.begin(telling)
        await wait_all_tasks_blocked()
        rows, messages = s.journal.rows("run_1"), sent(s.journal)
    async with shop(tmp_path, journal=journal) as s:
        known = [Sent(m.id, m.task, state) for m, state in zip(messages, states, strict=False)]
        s.engine.start([taken_up(telling, rows, *known)])
        await wait_all_tasks_blocked()
        if ends is None:
            assert s.ends == {}
            s.engine.delivered("run_1", "tell", messages[1].id)
            ends = "succeeded"
        assert (await s.end()).state == ends
    assert len(sent(journal)) == 2


async def test_items_that_wait_are_known_after_a_restart(tmp_path: Path) -> None:
    journal = MemoryJournal()
    async with shop(tmp_path, journal=journal) as s:
        s.begin(telling_all)
        await wait_all_tasks_blocked()
        rows, (one, two) = s.journal.rows("run_1"), sent(s.journal)
    async with shop(tmp_path, journal=journal) as s:
        pending = [Sent(one.id, one.task, "delivered"), Sent(two.id, two.task, "pending")]
        s.engine.start([taken_up(telling_all, rows, *pending)])
        await wait_all_tasks_blocked()
        assert len(sent(journal)) == 2
        s.engine.delivered("run_1", two.task, two.id)
        await wait_all_tasks_blocked()
        for message in sent(journal)[2:]:
            s.engine.delivered("run_1", message.task, message.id)
        end = await s.end()
    assert end.result is not None
    assert end.result.body == b"[1,2]"
