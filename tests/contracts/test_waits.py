"""Waits in every kind of store: begun, answered once, looked back, and gone with their run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.store_cases import (
    NOW,
    a_run,
    a_task,
    accept,
    an_event,
    begun,
    changed,
    one,
    ran,
)
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.flows.journal import Encoded, Wait, WaitAnswer
from triphammer.sensors.codec import event_json
from triphammer.service.store.contract import Decided, NewRun, Page, PruneEvents
from triphammer.service.store.operator_units import Annotate, Operation
from triphammer.service.store.sqlite.store import SqliteStore
from triphammer.service.store.waits import AnswerWait, LookedBack, WakeDue, Woken

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio
TIME = WaitAnswer("time")
PAID = {"type": ["paid"], "data": {"order": [1]}}


def a_wait(task: str = "w", **fields: Any) -> Wait:
    given: dict[str, Any] = {"kind": "wait_for", "pattern": PAID, "by": ("data", "order")}
    return Wait(task=task, **{**given, **fields})


async def waits(store: SqliteStore, run: NewRun, *begin: Wait) -> list[Woken]:
    """The run waits, and nothing but that; what is answered from now on."""
    heard: list[Woken] = []
    store.listen(heard.extend)
    await begun(store, run)
    rows = tuple(a_task(wait.task, "waiting") for wait in begin)
    await one(store, changed(run, state="waiting", tasks=rows, waits=begin))
    return heard


def paid(order: Any = 1, **fields: Any) -> Any:
    return an_event(type="paid", data={"order": order}, **fields)


async def test_a_waiting_run_is_not_unfinished_and_says_what_it_waits_for(
    store: SqliteStore,
) -> None:
    run = a_run()
    sleep = Wait(task="s", kind="sleep", due_at=NOW + 5)
    await waits(store, run, a_wait(), sleep)
    assert await store.unfinished() == []
    assert [r.id for r in await store.runs(Page(state="waiting"))] == [run.id]
    found = await store.waits(run.id)
    assert [(row.wait, row.began_at, row.answered) for row in found] == [
        (a_wait(), NOW, False),
        (sleep, NOW, False),
    ]
    assert await store.next_wait_due() == NOW + 5
    assert [r.id for r in await store.runs_named([run.id, "run_none"])] == [run.id]


async def test_an_event_answers_the_waits_that_it_matches_once(store: SqliteStore) -> None:
    run, other = a_run(), a_run()
    heard = await waits(store, run, a_wait())
    heard += await waits(store, other, a_wait(pattern={"type": ["paid"], "data": {"order": [2]}}))
    store.listen(heard.extend)
    for event in (an_event(type="other"), paid(3), paid(True)):
        await one(store, accept(Decided(event=event)))
    assert heard == []
    first, second = paid(1), paid(1.0)
    await one(store, accept(Decided(event=first), Decided(event=second)))
    answer = WaitAnswer("event", heard[0].answer.value)
    assert heard == [Woken(run.id, run.flow, "w", answer)]
    assert answer.value is not None
    assert f'"key":"{first.key}"' in answer.value.body.decode()
    assert event_json(first)["data"] == {"order": 1}
    assert await store.woken() == [(run.id, run.flow)]
    (background,) = await store.backgrounds(await store.runs_named([run.id]))
    assert background.answers == {"w": answer}
    assert [row.answered for row in await store.waits(run.id)] == [True]


async def test_a_duplicate_answers_nothing(store: SqliteStore) -> None:
    run, event = a_run(), paid(id="1")
    await one(store, accept(Decided(event=event)))
    heard = await waits(store, run, a_wait())
    await one(store, accept(Decided(event=paid(id="1"))))
    assert heard == []


async def test_an_event_that_a_change_brings_about_answers_too(store: SqliteStore) -> None:
    run, other = a_run(), a_run("other")
    await begun(store, other)
    heard = await waits(store, run, a_wait())
    unit = changed(other, state="succeeded")
    await one(store, type(unit)(change=unit.change, caused=(ran(paid()),), at=NOW))
    assert [woken.run for woken in heard] == [run.id]


async def test_what_came_before_is_to_be_looked_at_and_goes_first(store: SqliteStore) -> None:
    run, before = a_run(), paid()
    await begun(store, run)
    await one(store, accept(Decided(event=before)))
    heard: list[Woken] = []
    store.listen(heard.extend)
    change: dict[str, Any] = {
        "tasks": (a_task("w", "waiting"),),
        "waits": (a_wait(due_at=NOW + 1),),
    }
    await one(store, changed(run, state="waiting", **change))
    await one(store, accept(Decided(event=paid())))
    (asked,) = await store.waits_to_look(10)
    assert (asked.wait.task, heard, await store.woken()) == ("w", [], [])
    assert await store.next_wait_due() is None, "its time counts only once it has looked"
    assert await one(store, WakeDue(at=NOW + 9)) == 0
    rows = await store.events_between(asked.first, asked.upto, "paid", 10)
    assert [row.event.key for row in rows] == [before.key]
    assert await store.events_between(asked.first, asked.upto, None, 10) == rows
    found = WaitAnswer("event", Encoded("json", b'{"n":1}'))
    assert await one(store, LookedBack(wait=asked.number, answer=found)) is True
    assert heard == [Woken(run.id, run.flow, "w", found)]
    assert await one(store, LookedBack(wait=asked.number, answer=found)) is False
    assert await store.waits_to_look(10) == []


async def test_what_came_while_it_looked_counts_where_nothing_came_before(
    store: SqliteStore,
) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, accept(Decided(event=paid(2))))
    heard: list[Woken] = []
    store.listen(heard.extend)
    await one(store, changed(run, state="waiting", waits=(a_wait(),)))
    await one(store, accept(Decided(event=paid(1))))
    (asked,) = await store.waits_to_look(10)
    assert await one(store, LookedBack(wait=asked.number)) is True
    assert [woken.task for woken in heard] == ["w"]


async def test_where_nothing_came_before_there_is_nothing_to_look_at(store: SqliteStore) -> None:
    await one(store, accept(Decided(event=paid())))
    await waits(store, a_run(), a_wait(), a_wait("x", since=NOW + 10**12))
    assert await store.waits_to_look(10) == []


async def test_those_whose_time_is_over_are_answered_a_few_at_a_time(store: SqliteStore) -> None:
    run = a_run()
    sleeps = [Wait(task=f"s{n}", kind="sleep", due_at=NOW + n) for n in range(5)]
    heard = await waits(store, run, *sleeps)
    assert await one(store, WakeDue(at=NOW + 3, limit=3)) == 3
    assert await one(store, WakeDue(at=NOW + 3, limit=3)) == 1
    assert {woken.task for woken in heard} == {"s0", "s1", "s2", "s3"}
    assert await store.next_wait_due() == NOW + 4


async def test_only_the_first_answer_counts_and_is_noted(store: SqliteStore) -> None:
    run = a_run()
    heard = await waits(store, run, Wait(task="a", kind="approve", title="Go?"))
    yes, no = WaitAnswer("approved", by="ann"), WaitAnswer("rejected", by="bob")

    def unit(answer: WaitAnswer, key: str | None = None, task: str = "a") -> AnswerWait:
        operation = Operation(run=run.id, at=NOW, by=answer.by, what=answer.how, key=key)
        return AnswerWait(run=run.id, task=task, kind="approve", answer=answer, operation=operation)

    assert await one(store, unit(yes, task="b")) is False
    assert await one(store, unit(yes, "k")) is True
    assert await one(store, unit(no)) is False
    assert await one(store, unit(yes, "k")) is False
    assert heard == [Woken(run.id, run.flow, "a", yes)]
    assert [done.by for done in await store.operations(run.id)] == ["ann"]


async def test_waits_that_are_over_and_those_of_an_ended_run_are_gone(store: SqliteStore) -> None:
    run = a_run()
    heard = await waits(store, run, a_wait(), a_wait("x"))
    await one(store, changed(run, over=("w",), tasks=(a_task("w", "skipped"),)))
    assert [row.wait.task for row in await store.waits(run.id)] == ["x"]
    await one(store, changed(run, state="cancelled", finished_at=NOW))
    await one(store, accept(Decided(event=paid())))
    assert (await store.waits(run.id), heard, await store.next_wait_due()) == ([], [], None)


async def test_a_run_that_waits_again_is_looked_at_again(store: SqliteStore) -> None:
    run = a_run()
    limit = Wait(task="", kind="timeout", due_at=NOW + 1)
    heard = await waits(store, run, limit)
    assert await one(store, WakeDue(at=NOW + 1)) == 1
    later = Wait(task="", kind="timeout", due_at=NOW + 7)
    await one(store, changed(run, waits=(later,)))
    assert await store.next_wait_due() == NOW + 7
    assert await store.woken() == []
    assert heard == [Woken(run.id, run.flow, "", TIME)]


async def test_what_a_waiting_run_needs_is_not_pruned(store: SqliteStore) -> None:
    run = a_run()
    await waits(store, run, a_wait())
    await one(store, accept(Decided(event=an_event())))
    await one(store, PruneEvents(before=NOW + 10**9, failed_before=NOW + 10**9))
    assert await store.run(run.id) is not None
    (background,) = await store.backgrounds(await store.runs_named([run.id]))
    assert background.event is not None


async def test_what_is_rolled_back_wakes_nobody_and_hides_nobody(store: SqliteStore) -> None:
    run, other = a_run(), a_run("other")
    await begun(store, other)
    heard = await waits(store, run, a_wait())
    await one(store, accept(Decided(event=an_event())))
    bad = an_event(extensions={"o": object()})
    over = changed(run, over=("w",))
    outcome = await one(store, type(over)(change=over.change, caused=(ran(bad),), at=NOW))
    assert isinstance(outcome, Exception)
    last = await store.commit([accept(Decided(event=paid()), Decided(event=bad))])
    assert isinstance(last[0], Exception)
    assert heard == []
    await one(store, accept(Decided(event=paid())))
    assert [woken.task for woken in heard] == ["w"]


async def test_who_waits_though_he_was_cancelled(store: SqliteStore) -> None:
    cut, ending, other = a_run(), a_run(), a_run()
    for run in (cut, ending, other):
        await waits(store, run, a_wait())
    await one(store, changed(ending, tasks=(a_task("x", "cancelled"),)))
    for run in (cut, ending):
        noted = Operation(run=run.id, at=NOW, by="me", what="cancel")
        await one(store, Annotate(operation=noted))
    assert await store.cancelled_waiting() == [(cut.id, "orders", "me")]
