"""One suite over every kind of store: each unit and each read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from tests.contracts.store_cases import (
    CLAIM,
    ERROR,
    NOW,
    a_message,
    a_run,
    a_task,
    accept,
    an_event,
    begun,
    causing,
    changed,
    one,
    ran,
)
from tests.contracts.store_fixtures import anyio_backend, kind, store
from triphammer.flows.journal import Encoded
from triphammer.sensors.contract import Accepted, DeadRecord
from triphammer.sensors.headers import Headers
from triphammer.service.store.contract import (
    Accept,
    ClaimMoved,
    ClaimRun,
    Decided,
    Disposition,
    DueClaim,
    FailedAttempt,
    OutboxResult,
    Outcome,
    Page,
    SetPaused,
    SkipRecord,
    Stale,
)
from triphammer.service.store.sqlite.store import SqliteStore
from triphammer.service.store.versions import SaveCatalog, SaveVersion

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio


# --- events ---------------------------------------------------------------------------------


async def test_an_event_comes_back_as_it_went_in(store: SqliteStore) -> None:
    event = an_event(
        source="/s",
        type="t",
        data={"a": [1, None, "ü"]},
        raw=b'{"a": [1, null, "\xc3\xbc"]}',
        subject="sub",
        time=datetime(2020, 2, 29, 12, 30, 15, 123456, tzinfo=UTC),
        headers=Headers({"X-One": "1"}),
        extensions={"topic": "t", "partition": 3},
        content_type="application/cloudevents+json",
        schema="http://schema",
    )
    (accepted,) = await _accepted(store, accept(Decided(event=event), catalog="cat_1"))
    assert accepted == Accepted(event.key, event.id, event.source, duplicate=False)
    row = await store.event(event.key)
    assert row is not None
    assert (row.event, row.catalog, row.duplicates) == (event, "cat_1", 0)
    assert await store.event_by_id(event.source, event.id) == row
    assert await store.event("evt_none") is None
    assert await store.event_by_id("/s", "none") is None


@pytest.mark.parametrize("data", [b"\x00\xff", "text", "\ud800 alone", None, [], 1.5, {"a": "b"}])
async def test_every_sort_of_payload_keeps_its_type(store: SqliteStore, data: Any) -> None:
    event = an_event(data=data)
    await one(store, accept(Decided(event=event)))
    row = await store.event(event.key)
    assert row is not None
    assert row.event.data == data
    assert type(row.event.data) is type(data)


async def test_a_known_identity_is_a_duplicate_and_starts_nothing(store: SqliteStore) -> None:
    first, again, run = an_event("1"), an_event("1"), a_run()
    await one(store, accept(ran(first, run)))
    (accepted,) = await _accepted(store, accept(ran(again, a_run())))
    assert accepted == Accepted(first.key, "1", "shop", duplicate=True, runs=(run.id,))
    row = await store.event(first.key)
    assert row is not None
    assert row.duplicates == 1
    assert await store.event(again.key) is None
    assert [r.id for r in await store.runs(Page())] == [run.id]


async def test_a_list_ends_with_the_row_that_is_too_much(store: SqliteStore) -> None:
    events = [an_event(str(n), data="x" * 1000 * n) for n in range(1, 6)]
    for event in events:
        await one(store, accept(ran(event, a_run())))
    for most, expected in ((1, 1), (5000, 1), (5001, 2), (9001, 3), (10**9, 5)):
        listed = await store.events(Page(bytes=most))
        assert [row.event.id for row in listed] == [str(n) for n in range(5, 5 - expected, -1)]
        assert [row.size for row in listed] == [len(str(row.event.data)) for row in listed]
    assert len(await store.runs(Page(bytes=1))) == 1
    assert len(await store.runs(Page(bytes=10**9))) == 5


async def test_duplicates_within_one_unit(store: SqliteStore) -> None:
    await one(store, accept(Decided(event=an_event("known"))))
    ids = ["a", "known", "b", "a", "a", "known", "c"]
    outcome = await _accepted(store, accept(*(ran(an_event(i), a_run()) for i in ids)))
    assert [item.duplicate for item in outcome] == [
        i in ids[:n] or i == "known" for n, i in enumerate(ids)
    ]
    assert outcome[3].key == outcome[0].key
    assert outcome[3].runs == outcome[0].runs
    assert len(await store.runs(Page())) == 3


async def test_the_same_event_emitted_again_is_a_duplicate(store: SqliteStore) -> None:
    event, other = an_event(), an_event()
    await one(store, accept(ran(event, a_run())))
    outcome = await _accepted(store, accept(ran(event, a_run()), ran(other, a_run())))
    assert [item.duplicate for item in outcome] == [True, False]


async def test_positions_move_even_if_all_events_are_duplicates(store: SqliteStore) -> None:
    event = an_event()
    for value in ("1", "2"):
        positions = {"p0": value, "p1": "x"}
        await one(store, accept(Decided(event=event), sensor="kafka:a", positions=positions))
    assert await store.positions("kafka:a") == {"p0": "2", "p1": "x"}
    await one(store, Accept(sensor="kafka:a", positions={"p1": None, "p2": None}))
    assert await store.positions("kafka:a") == {"p0": "2"}
    assert await store.positions("kafka:b") == {}


async def test_dead_records_are_kept_once(store: SqliteStore) -> None:
    dead = DeadRecord("5", "k", "no JSON", b"\xff", {"h": "1"})
    later = DeadRecord("6", "k", "no JSON either", b"{")
    for _ in range(2):
        await one(store, Accept(dead=(dead, later), received_at=NOW))
    rows = await store.dead_records(Page())
    assert [(row.record, row.at) for row in rows] == [(later, NOW), (dead, NOW)]
    assert [row.record for row in await store.dead_records(Page(limit=1))] == [later]
    assert [r.record for r in await store.dead_records(Page(before=rows[0].seq))] == [dead]
    assert await store.dead_records(Page(until=NOW)) == []
    assert await one(store, SkipRecord(seq=rows[0].seq)) is True
    assert await one(store, SkipRecord(seq=rows[0].seq)) is False
    assert [row.record for row in await store.dead_records(Page())] == [dead]


async def test_a_unit_that_fails_harms_no_other(store: SqliteStore) -> None:
    run = a_run()
    good, bad, last = an_event(), an_event(), an_event()
    outcomes = await store.commit(
        [
            accept(ran(good, run)),
            accept(ran(bad, a_run(id=run.id)), sensor="s", positions={"a": "1"}),
            accept(Decided(event=an_event(extensions={"o": object()}))),
            accept(Decided(event=an_event(data=1, subject="\ud800"))),
            accept(Decided(event=last)),
        ]
    )
    assert [isinstance(o, Exception) for o in outcomes] == [False, True, True, True, False]
    assert await store.event(good.key) is not None
    assert await store.event(bad.key) is None
    assert await store.positions("s") == {}
    assert await store.event(last.key) is not None
    (accepted,) = await _accepted(store, accept(ran(bad, a_run())))
    assert not accepted.duplicate


async def test_events_are_paged_newest_first(store: SqliteStore) -> None:
    events = [an_event(type=f"t{n % 2}", source=f"s{n % 3}") for n in range(12)]
    await one(store, accept(*(Decided(event=e) for e in events)))
    newest = [e.key for e in reversed(events)]
    first = await store.events(Page(limit=5))
    assert [r.event.key for r in first] == newest[:5]
    rest = await store.events(Page(limit=50, before=first[-1].seq))
    assert [r.event.key for r in rest] == newest[5:]
    micros = [NOW + round((e.received_at.timestamp() - NOW / 1e6) * 1e6) for e in events]
    found = await store.events(Page(type="t1", source="s1", since=micros[3], until=micros[7]))
    expected = [e.key for n, e in enumerate(events) if n % 2 == 1 and n % 3 == 1 and 3 <= n < 7]
    assert [r.event.key for r in found] == expected


async def test_dispositions_of_an_event(store: SqliteStore) -> None:
    given = (
        Disposition("a", "a", "error", "ValueError: no", None),
        Disposition("b", "b", "paused", None, "run_1"),
    )
    event = an_event()
    await one(store, accept(Decided(event=event, dispositions=given)))
    assert await store.dispositions(event.key) == list(given)
    assert await store.dispositions("evt_none") == []


# --- runs -----------------------------------------------------------------------------------


async def test_a_run_from_queued_to_its_end(store: SqliteStore) -> None:
    event, run = an_event(), a_run(params=b'{"n":1}', lineage=("first", "orders"))
    await one(store, accept(ran(event, run)))
    row = await store.run(run.id)
    assert row is not None
    assert (row.state, row.epoch, row.event, row.params) == ("queued", 0, event.key, b'{"n":1}')
    assert (row.flow, row.version, row.subscription) == ("orders", "v1", "orders")
    assert (row.lineage, row.created_at, row.started_at) == (run.lineage, NOW, None)

    assert await one(store, ClaimRun(run=run.id, owner="me")) == 1
    await one(store, changed(run, state="running", started_at=NOW + 1))
    await one(store, changed(run, state="running", started_at=NOW + 2))
    result = Encoded("json", b"[1]", "m")
    await one(store, changed(run, state="succeeded", finished_at=NOW + 9, result=result))
    row = await store.run(run.id)
    assert row is not None
    assert (row.state, row.started_at, row.finished_at) == ("succeeded", NOW + 1, NOW + 9)
    assert (row.result, row.error) == (result, None)
    assert await store.run("run_none") is None


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "superseded"])
async def test_changes_after_the_end_are_fenced_off(store: SqliteStore, state: str) -> None:
    run, late = a_run(), an_event()
    await begun(store, run)
    await one(store, changed(run, state=state, error=ERROR, finished_at=NOW))
    fields: dict[str, Any] = {"tasks": (a_task("a"),), "outbox": (a_message(),)}
    unit = changed(run, state="failed", state_writes={"a": b"1"}, **fields)
    assert await one(store, causing(unit, ran(late, a_run()))) == Stale()
    assert await one(store, ClaimRun(run=run.id, owner="me")) is None
    row = await store.run(run.id)
    assert row is not None
    assert (row.state, row.error) == (state, ERROR)
    assert await store.tasks(run.id) == []
    assert await store.outbox() == []
    assert await store.flow_state(run.flow) == {}
    assert await store.event(late.key) is None


async def test_an_old_epoch_is_fenced_off(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    assert await one(store, ClaimRun(run=run.id, owner="other")) == 2
    assert await one(store, changed(run, epoch=1, tasks=(a_task("a"),))) == Stale()
    assert await one(store, changed(run, epoch=3, tasks=(a_task("a"),))) == Stale()
    assert await one(store, changed(run, epoch=2, tasks=(a_task("b"),))) == ()
    assert [t.name for t in await store.tasks(run.id)] == ["b"]
    assert await one(store, changed(a_run(), tasks=(a_task("a"),))) == Stale()
    assert await one(store, ClaimRun(run="run_none", owner="me")) is None


async def test_task_rows_replace_the_row_before(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    first = a_task("a", "retrying", due_at=NOW + 5, error=ERROR)
    await one(store, changed(run, tasks=(first, a_task("b"))))
    assert await store.tasks(run.id) == [first, a_task("b")]
    await one(store, changed(run, tasks=(a_task("a", finished_at=NOW + 1),)))
    assert await store.tasks(run.id) == [a_task("a", finished_at=NOW + 1), a_task("b")]
    assert await store.tasks("run_none") == []


async def test_map_items_are_paged_and_counted(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    parent = a_task("m", "running", items=4)
    items = [a_task(f"m[{n}]", "failed" if n == 2 else "succeeded") for n in range(4)]
    await one(store, changed(run, tasks=(parent, *items, a_task("end"))))
    assert await store.tasks(run.id, items=False) == [parent, a_task("end")]
    assert await store.tasks(run.id, limit=2) == [parent, items[0]]
    assert await store.tasks(run.id, after="m[0]", limit=2) == items[1:3]
    assert await store.tasks(run.id, after="end") == []
    assert await store.item_counts(run.id) == {"m": {"failed": 1, "succeeded": 3}}
    # The end of a map leaves the count of its items as it was.
    await one(store, changed(run, tasks=(a_task("m"),)))
    assert (await store.tasks(run.id))[0] == a_task("m", items=4)


async def test_a_page_of_tasks_ends_early_with_large_results(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    large = Encoded("json", b'"' + b"x" * 1000 + b'"', "")
    tasks = [replace(a_task(f"t{n}"), result=large) for n in range(5)]
    await one(store, changed(run, tasks=tuple(tasks)))
    assert await store.tasks(run.id, limit=5, bytes=2500) == tasks[:3]
    assert await store.tasks(run.id, after="t2", limit=5, bytes=2500) == tasks[3:]
    assert await store.tasks(run.id, limit=5) == tasks


async def test_failed_attempts_are_history(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    attempts = (("a", 1, NOW, NOW + 1, ERROR), ("a", 2, NOW + 2, NOW + 3, ERROR))
    await one(store, changed(run, failed_attempts=attempts[:1]))
    await one(store, changed(run, failed_attempts=attempts[1:]))
    assert await store.failed_attempts(run.id) == [FailedAttempt(*a) for a in attempts]
    assert await store.failed_attempts("run_none") == []


async def test_an_end_brings_about_events(store: SqliteStore) -> None:
    run, follow, caused = a_run(), a_run("after"), an_event()
    await begun(store, run)
    unit = causing(changed(run, state="succeeded"), ran(caused, follow))
    accepted = Accepted(caused.key, caused.id, "shop", duplicate=False, runs=(follow.id,))
    assert await one(store, unit) == (accepted,)
    row = await store.run(follow.id)
    assert row is not None
    assert row.event == caused.key


async def test_runs_are_paged_newest_first(store: SqliteStore) -> None:
    event = an_event()
    runs = [a_run(f"f{n % 2}", created_at=NOW + n) for n in range(7)]
    await one(store, accept(*(ran(an_event(), r) for r in runs[:-1]), ran(event, runs[-1])))
    await one(store, ClaimRun(run=runs[2].id, owner="me"))
    await one(store, changed(runs[2], state="running"))
    newest = [r.id for r in reversed(runs)]

    async def ids(**page: Any) -> list[str]:
        return [r.id for r in await store.runs(Page(**page))]

    first = await store.runs(Page(limit=3))
    assert [r.id for r in first] == newest[:3]
    assert await ids(before=first[-1].seq) == newest[3:]
    assert await ids(flow="f0") == newest[::2]
    assert await ids(state="running") == [runs[2].id]
    assert await ids(flow="f1", state="running") == []
    assert await ids(event=event.key) == [runs[-1].id]
    assert await ids(since=NOW + 2, until=NOW + 4) == [runs[3].id, runs[2].id]


async def test_what_waits_and_what_is_unfinished(store: SqliteStore) -> None:
    runs = [a_run("a"), a_run("b"), a_run("a"), a_run("a"), a_run("b")]
    await one(store, accept(*(ran(an_event(), r) for r in runs)))
    states = {0: "running", 1: "waiting", 4: "failed"}
    for number, state in states.items():
        await one(store, ClaimRun(run=runs[number].id, owner="me"))
        await one(store, changed(runs[number], state=state))
    assert [r.id for r in await store.unfinished()] == [runs[0].id]
    assert [r.id for r in await store.ready("a", 9)] == [runs[2].id, runs[3].id]
    assert [r.id for r in await store.ready("a", 1)] == [runs[2].id]
    assert await store.ready("b", 9) == []
    assert await store.queued_counts() == {"a": 2}
    assert await store.run_counts() == {
        "a": {"queued": 2, "running": 1},
        "b": {"failed": 1, "waiting": 1},
    }


async def test_ids_are_found_by_how_they_begin(store: SqliteStore) -> None:
    run, event, message = a_run(), an_event(), a_message()
    await begun(store, run, event=event)
    await one(store, changed(run, outbox=(message,)))
    assert await store.find(run.id) == [run.id]
    assert await store.find(event.key[:-1]) == [event.key]
    assert await store.find(message.id) == [message.id]
    assert await store.find("x") == []
    await one(store, accept(*(ran(an_event(), a_run()) for _ in range(15))))
    assert len(await store.find("run_")) == 10


async def test_versions_and_catalogs_are_immutable(store: SqliteStore) -> None:
    version = SaveVersion(flow="f", version="v", file="f.py", sources={"f.py": "x = 1"}, at=NOW)
    assert await one(store, version) is True
    changed_version = SaveVersion(flow="f", version="v", file="g.py", sources={}, at=NOW + 1)
    assert await one(store, changed_version) is False
    row = await store.version("f", "v")
    assert row is not None
    assert (row.file, row.sources, row.at) == ("f.py", {"f.py": "x = 1"}, NOW)
    assert await store.version("f", "w") is None

    assert await one(store, SaveCatalog(id="c", body=b"[1]", at=NOW)) is True
    assert await one(store, SaveCatalog(id="c", body=b"[2]", at=NOW)) is False
    assert await store.catalog("c") == b"[1]"
    assert await store.catalog("d") is None


async def test_the_folder_has_one_id(store: SqliteStore) -> None:
    assert len(await store.folder_id()) == 32
    assert await store.folder_id() == await store.folder_id()


# --- the outbox -----------------------------------------------------------------------------


async def test_a_message_comes_back_as_it_went_in(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    message = a_message(
        kind="kafka", target="topic", body=None, key="k", headers={"h": "v"}, task="t"
    )
    for _ in range(2):
        await one(store, changed(run, outbox=(message,)))
    (row,) = await store.outbox_due(NOW, 10)
    assert (row.message, row.run, row.flow, row.state) == (message, run.id, "orders", "pending")
    assert (row.attempts, row.created_at, row.due_at, row.error) == (0, NOW, NOW, None)
    assert await store.outbox() == [row]
    assert await store.outbox(run=run.id) == [row]
    assert await store.outbox(run="run_none") == []
    assert await store.outbox_due(NOW - 1, 10) == []


async def test_each_key_of_a_target_is_in_order(store: SqliteStore) -> None:
    messages = [
        a_message("a1", key="a"),
        a_message("a2", key="a"),
        a_message("b1", key="b"),
        a_message("n1"),
        a_message("n2"),
        a_message("other", key="a", target="http://elsewhere"),
    ]
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, outbox=tuple(messages)))
    assert await _due(store) == ["a1", "b1", "n1", "n2", "other"]
    assert await _due(store, limit=2) == ["a1", "b1"]

    again = OutboxResult(id="a1", state="pending", attempts=1, due_at=NOW + 10, error="500")
    assert await one(store, again) is True
    assert await _due(store) == ["b1", "n1", "n2", "other"]
    assert await _due(store, now=NOW + 10) == ["a1", "b1", "n1", "n2", "other"]
    assert await one(store, OutboxResult(id="a1", state="delivered", attempts=2, at=NOW)) is True
    assert await _due(store) == ["a2", "b1", "n1", "n2", "other"]
    assert await one(store, OutboxResult(id="a1", state="dead", attempts=2)) is False


async def test_a_dead_letter_parks_its_key(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, outbox=(a_message("a1", key="a"), a_message("a2", key="a"))))
    assert await store.outbox_next_due() == NOW
    await one(store, OutboxResult(id="a1", state="dead", attempts=9, error="410 Gone", at=NOW))
    assert await _due(store) == []
    assert await store.outbox_next_due() is None
    assert await store.outbox_counts() == {"dead": 1, "pending": 1}
    newest, oldest = await store.outbox()
    assert (newest.state, oldest.state, oldest.error) == ("pending", "dead", "410 Gone")


async def test_since_when_a_message_waits(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    assert await store.outbox_oldest() is None
    for at, ids in ((NOW + 5, ("1", "2")), (NOW + 9, ("3",))):
        unit = changed(run, outbox=tuple(map(a_message, ids)))
        await one(store, replace(unit, at=at))
    assert await store.outbox_oldest() == NOW + 5
    await one(store, OutboxResult(id="1", state="delivered", attempts=1))
    await one(store, OutboxResult(id="2", state="dead", attempts=1, at=NOW))
    assert await store.outbox_oldest() == NOW + 9


async def test_when_the_next_message_is_due(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    assert await store.outbox_next_due() is None
    messages = (a_message("1", key="k"), a_message("2", key="k"), a_message("3"))
    await one(store, changed(run, outbox=messages))
    await one(store, OutboxResult(id="1", state="pending", attempts=1, due_at=NOW + 7))
    assert await store.outbox_next_due() == NOW
    await one(store, OutboxResult(id="3", state="pending", attempts=1, due_at=NOW + 9))
    assert await store.outbox_next_due() == NOW + 7


# --- files to move --------------------------------------------------------------------------


@pytest.mark.parametrize(("ends", "failed"), [
    (["succeeded", "succeeded"], False),
    (["failed", "succeeded"], True),
    (["succeeded", "failed"], True),
    (["cancelled", "superseded"], False),
])  # fmt: skip
async def test_a_move_is_due_when_the_last_run_has_ended(
    store: SqliteStore, ends: list[str], failed: bool
) -> None:
    event, runs = an_event(), [a_run("a"), a_run("b")]
    await begun(store, *runs, event=event, claim=CLAIM)
    assert await store.claims_due(10) == []
    await one(store, changed(runs[0], state=ends[0]))
    assert await store.claims_due(10) == []
    await one(store, changed(runs[1], state=ends[1]))
    assert await store.claims_due(10) == [DueClaim(event.key, CLAIM, failed)]


async def test_a_file_that_no_flow_took_stays_in_place(store: SqliteStore) -> None:
    await one(store, accept(Decided(event=an_event(), claim=CLAIM)))
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, state="succeeded"))
    assert await store.claims_due(10) == []


async def test_a_moved_file_is_read_from_its_present_place(store: SqliteStore) -> None:
    event = an_event(data={"path": "/in/a.csv", "size": 3}, raw=b'{"path":"/in/a.csv","size":3}')
    run = a_run()
    await begun(store, run, event=event, claim=CLAIM)
    await one(store, changed(run, state="succeeded"))
    await one(store, ClaimMoved(event=event.key, moved_to="/in/done/a.csv"))
    assert await store.claims_due(10) == []
    row = await store.event(event.key)
    assert row is not None
    assert row.event.data == {"path": "/in/done/a.csv", "size": 3}
    assert row.event.raw is None


async def test_a_file_that_was_left_alone(store: SqliteStore) -> None:
    event, run = an_event(data={"path": "/in/a.csv"}), a_run()
    await begun(store, run, event=event, claim=CLAIM)
    await one(store, changed(run, state="succeeded"))
    await one(store, ClaimMoved(event=event.key, moved_to=None, reason="it has changed"))
    assert await store.claims_due(10) == []
    row = await store.event(event.key)
    assert row is not None
    assert row.event.data == {"path": "/in/a.csv"}


# --- commits --------------------------------------------------------------------------------


async def test_posted_units_are_done_in_order(store: SqliteStore) -> None:
    done: list[int] = []
    all_done = anyio.Event()

    def note(number: int, outcomes: Sequence[Outcome]) -> None:
        assert len(outcomes) == 2
        done.append(number)
        if number == 49:
            all_done.set()

    for number in range(50):
        units = [accept(Decided(event=an_event())) for _ in range(2)]
        store.post(units, partial(note, number))
    await all_done.wait()
    assert done == list(range(50))
    assert len(await store.events(Page(limit=200))) == 100


async def test_nothing_is_committed_for_no_units(store: SqliteStore) -> None:
    assert await store.commit([]) == ()
    assert await one(store, Accept()) == ()


async def test_readers_see_whole_commits_while_others_write(store: SqliteStore) -> None:
    done = anyio.Event()
    seen: list[int] = []

    async def write() -> None:
        for _ in range(40):
            await one(store, accept(*(Decided(event=an_event()) for _ in range(3))))
        done.set()

    async def read() -> None:
        last = 0
        while not done.is_set():
            rows = await store.events(Page(limit=200))
            assert len(rows) % 3 == 0
            assert len(rows) >= last
            last = len(rows)
            seen.append(last)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        for _ in range(4):
            group.start_soon(read)
    assert len(await store.events(Page(limit=200))) == 120
    assert seen


async def _accepted(store: SqliteStore, unit: Accept) -> tuple[Accepted, ...]:
    outcome = await one(store, unit)
    assert isinstance(outcome, tuple)
    return outcome


async def _due(store: SqliteStore, now: int = NOW, limit: int = 10) -> list[str]:
    return [row.message.id for row in await store.outbox_due(now, limit)]


async def test_the_writer_answers_after_all_that_was_posted_before(store: SqliteStore) -> None:
    order: list[str] = []
    store.post([SetPaused(flow="f", paused=True, at=NOW)], lambda _: order.append("committed"))
    await store.answer()
    assert order == ["committed"]
    await store.answer()
    store.close()
    await store.answer()
