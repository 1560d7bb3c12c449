"""What pages show of many rows: over every kind of store."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from tests.contracts.store_cases import (
    ERROR,
    NOW,
    a_message,
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
from triphammer.sensors.event import Event
from triphammer.service.store.contract import (
    Accept,
    ClaimRun,
    Decided,
    NewRun,
    OutboxResult,
    Page,
    PruneEvents,
    SkipMessage,
)
from triphammer.service.store.looking import (
    DayCount,
    EventSearch,
    FlowStats,
    OutboxPage,
    RecentRun,
)
from triphammer.service.store.operator_units import MarkRun, Operation, RetryRun
from triphammer.service.store.sqlite.store import SqliteStore

__all__ = ["anyio_backend", "kind", "store"]
pytestmark = pytest.mark.anyio

HOUR = 3_600_000_000
DAY = 24 * HOUR
SECOND = 1_000_000
TODAY = NOW // DAY


async def ended(store: SqliteStore, run: NewRun, state: str = "succeeded", at: int = NOW) -> None:
    """A run that has begun is over."""
    await one(store, changed(run, state=state, finished_at=at))


# --- counts ---------------------------------------------------------------------------------


async def test_counts_follow_a_run_through_its_life(store: SqliteStore) -> None:
    run = a_run("f")
    await one(store, accept(ran(an_event(), run)))
    assert await store.run_counts() == {"f": {"queued": 1}}
    assert await store.queued_counts() == {"f": 1}
    await one(store, ClaimRun(run=run.id, owner="me"))
    await one(store, changed(run, state="running", started_at=NOW))
    assert await store.run_counts() == {"f": {"running": 1}}
    assert await store.queued_counts() == {}
    assert await store.daily_counts("f", NOW) == []
    await ended(store, run, "failed")
    assert await store.run_counts() == {"f": {"failed": 1}}
    assert await store.daily_counts("f", NOW) == [DayCount(TODAY, "failed", 1)]
    await one(store, RetryRun(operation=_by(run, "retry"), epoch=1, anew=()))
    assert await store.run_counts() == {"f": {"queued": 1}}
    assert await store.daily_counts("f", NOW) == []


async def test_a_run_that_is_marked_counts_as_that(store: SqliteStore) -> None:
    run = a_run("f")
    await begun(store, run)
    await ended(store, run, "failed")
    unit = MarkRun(operation=_by(run, "mark"), epoch=1, state="succeeded", error=None)
    assert await one(store, unit) is True
    assert await store.run_counts() == {"f": {"succeeded": 1}}
    assert await store.daily_counts("f", 0) == [DayCount(TODAY, "succeeded", 1)]


def _by(run: NewRun, what: str) -> Operation:
    return Operation(run=run.id, at=NOW, by="me", what=what, detail="", key=None)


async def test_what_fails_in_a_group_is_not_counted(store: SqliteStore) -> None:
    run = a_run("f")
    again = Decided(event=an_event(), runs=(run,))  # the id of a run must not come twice
    outcomes = await store.commit(
        [accept(ran(an_event(), run)), accept(again), accept(ran(an_event(), a_run("f")))]
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert await store.run_counts() == {"f": {"queued": 2}}
    assert (await store.size()).events == 2


async def test_days_outlive_their_runs(store: SqliteStore) -> None:
    for number in range(3):
        run = a_run("f", created_at=NOW + number * DAY)
        event = an_event(now=NOW + number * DAY)
        await one(store, Accept(decided=(ran(event, run),), received_at=NOW))
        await one(store, ClaimRun(run=run.id, owner="me"))
        await ended(store, run, at=NOW + number * DAY)
    await one(store, PruneEvents(before=NOW + DAY + 1))
    assert await store.run_counts() == {"f": {"succeeded": 1}}
    days = [DayCount(TODAY + n, "succeeded", 1) for n in range(3)]
    assert await store.daily_counts("f", 0) == days
    assert await store.daily_counts("f", NOW + DAY) == days[1:]
    size = await store.size()
    assert (size.events, size.runs) == (1, 1)
    assert size.oldest_run_at == NOW + 2 * DAY


async def test_days_go_after_more_than_a_year(store: SqliteStore) -> None:
    for created_at in (NOW, NOW + 300 * DAY, NOW + 401 * DAY):
        run = a_run("f", created_at=created_at)
        await begun(store, run)
        await ended(store, run)
    assert [row.day - TODAY for row in await store.daily_counts("f", 0)] == [300, 401]


async def test_messages_are_counted(store: SqliteStore) -> None:
    run = a_run()
    await begun(store, run)
    messages = [a_message() for _ in range(4)]
    await one(store, changed(run, outbox=tuple(messages)))
    assert await store.outbox_counts() == {"pending": 4}
    for message, state in zip(messages, ["delivered", "dead", "dead"], strict=False):
        await one(store, OutboxResult(id=message.id, state=state, attempts=1, at=NOW))
    await one(store, SkipMessage(id=messages[1].id))
    counts = {"pending": 1, "delivered": 1, "dead": 1, "skipped": 1}
    assert await store.outbox_counts() == counts
    assert (await store.size()).messages == 4


# --- statistics -----------------------------------------------------------------------------


async def test_the_last_runs_of_flows(store: SqliteStore) -> None:
    runs = [a_run("f") for _ in range(5)]
    states = ["succeeded", "failed", "succeeded", "cancelled"]
    for run in runs:
        await begun(store, run)
    for number in (2, 0, 3, 1):  # that is how they end; the fifth goes on
        at = NOW + (5 - number) * SECOND
        await ended(store, runs[number], states[number], at)
    stats = await store.flow_stats(["f", "g"])
    assert stats["g"] == FlowStats()
    assert [run.id for run in stats["f"].ended] == [run.id for run in runs[:4]]
    assert [run.state for run in stats["f"].ended] == states
    assert stats["f"].success_rate == 2 / 3
    assert (stats["f"].duration(0.5), stats["f"].duration(0)) == (5.0, 3.0)
    last = (await store.flow_stats(["f"], 2))["f"]
    assert [run.id for run in last.ended] == [runs[0].id, runs[1].id]


def test_statistics_of_nothing() -> None:
    never = RecentRun(id="r", state="cancelled", created_at=NOW, finished_at=NOW)
    for stats in (FlowStats(), FlowStats((never,))):
        assert stats.success_rate is None
        assert stats.duration(0.5) is None


@pytest.mark.parametrize(("share", "seconds"), [(0, 1), (0.5, 51), (0.95, 96), (1, 100)])
def test_a_share_of_the_durations(share: float, seconds: int) -> None:
    runs = [
        RecentRun(id="r", state=s, created_at=NOW, started_at=NOW, finished_at=NOW + n * SECOND)
        for n in range(1, 101)
        for s in ("succeeded", "failed")
    ]
    Random(1).shuffle(runs)
    assert FlowStats(tuple(runs)).duration(share) == seconds


async def test_the_last_failures(store: SqliteStore) -> None:
    runs = [a_run("f" if number % 2 else "g") for number in range(4)]
    for number, run in enumerate(runs):
        await begun(store, run)
        await ended(store, run, "succeeded" if number == 3 else "failed", NOW - number)
    assert [run.id for run in await store.last_failures(9)] == [run.id for run in runs[:3]]
    assert [run.id for run in await store.last_failures(2)] == [run.id for run in runs[:2]]
    assert [run.id for run in await store.last_failures(9, since=NOW - 1)] == [
        run.id for run in runs[:2]
    ]
    assert [run.id for run in await store.last_failures(9, flow="f")] == [runs[1].id]


# --- grids ----------------------------------------------------------------------------------


async def test_the_grid_of_a_flow(store: SqliteStore) -> None:
    runs = [a_run("f") for _ in range(3)]
    await begun(store, a_run("g"))
    for run in runs:
        await begun(store, run)
    await one(store, changed(runs[0], tasks=(a_task("b"), a_task("a", "failed", error=ERROR))))
    items = [a_task(f"m[{n}]", "failed" if n % 3 else "succeeded") for n in range(6)]
    await one(store, changed(runs[2], tasks=(a_task("m", "running", items=6), *items)))
    grid = await store.task_grid("f")
    assert [line.run.id for line in grid] == [run.id for run in reversed(runs)]
    assert [(t.name, t.state, t.items, t.failed_items) for t in grid[0].tasks] == [
        ("m", "running", 6, 4)
    ]
    assert grid[1].tasks == ()
    assert [(t.name, t.state, t.attempt) for t in grid[2].tasks] == [
        ("b", "succeeded", 1),
        ("a", "failed", 1),
    ]
    assert [len(line.tasks) for line in await store.task_grid("f", tasks=1)] == [1, 0, 1]
    assert await store.grid_of([runs[0].id, "run_none", runs[2].id]) == [grid[2], grid[0]]
    newest = await store.task_grid("f", runs=1)
    assert newest == grid[:1]
    assert await store.task_grid("f", before=newest[0].number) == grid[1:]


async def test_some_positions_of_a_sensor(store: SqliteStore) -> None:
    await one(store, accept(sensor="s", positions={key: key * 2 for key in "dbca"}))
    await one(store, accept(sensor="t", positions={"x": "y"}))
    assert await store.some_positions("s", 3) == {"a": "aa", "b": "bb", "c": "cc"}
    assert await store.some_positions("none", 3) == {}


# --- messages -------------------------------------------------------------------------------


async def test_pages_of_messages(store: SqliteStore) -> None:
    runs = [a_run("f"), a_run("g")]
    for run in runs:
        await begun(store, run)
    sent = [
        a_message(kind="webhook", target="http://a"),
        a_message(kind="kafka", target="a"),
        a_message(kind="email", target="me"),
        a_message(kind="webhook", target="http://b"),
    ]
    await one(store, changed(runs[0], outbox=tuple(sent[:2])))
    await one(store, changed(runs[1], outbox=tuple(sent[2:])))
    await one(store, OutboxResult(id=sent[0].id, state="delivered", attempts=1))
    await one(store, OutboxResult(id=sent[1].id, state="dead", attempts=1, at=NOW))

    async def found(**page: object) -> list[int]:
        listed = await store.outbox_page(OutboxPage(**page))  # type: ignore[arg-type]
        return [sent.index(row.message) for row in listed]

    assert await found() == [3, 2, 1, 0]
    assert await found(limit=2) == [3, 2]
    assert await found(kind="webhook") == [3, 0]
    assert await found(state="pending", kind="webhook") == [3]
    assert await found(state="delivered", flow="f") == [0]
    assert await found(flow="g", target="me") == [2]
    assert await found(flow="g", state="dead") == []
    second = (await store.outbox_page(OutboxPage(limit=2)))[-1]
    assert await found(before=second.seq) == [1, 0]


# --- searches -------------------------------------------------------------------------------


async def put(store: SqliteStore, *events: Event) -> None:
    """Store events of their own times, in this order."""
    for event in events:
        await one(store, accept(Decided(event=event)))


async def searched(store: SqliteStore, asked: EventSearch) -> list[str]:
    return [row.event.id for row in (await store.search_events(asked)).events]


async def test_events_are_found_by_subject_and_text(store: SqliteStore) -> None:
    await put(
        store,
        an_event("1", subject="eu/a", data={"who": "Ada"}),
        an_event("2", subject="eu/b", data={"who": "Bob"}, type="t"),
        an_event("3", subject="us/a", data={"who": "ada_100%"}),
        an_event("4", data="plain text of ADA", source="s"),
        an_event("5", subject="EU/a", data=b"\xff\x00 raw"),
    )
    cases: list[tuple[EventSearch, list[str]]] = [
        (EventSearch(), ["5", "4", "3", "2", "1"]),
        (EventSearch(subject="eu/"), ["2", "1"]),
        (EventSearch(subject="eu/", type="t"), ["2"]),
        (EventSearch(subject="eu/a"), ["1"]),
        (EventSearch(text="ada"), ["4", "3", "1"]),
        (EventSearch(text="a_1"), ["3"]),
        (EventSearch(text="100%"), ["3"]),
        (EventSearch(text="a%a"), []),
        (EventSearch(text="ada", source="s"), ["4"]),
        (EventSearch(text="who", source="shop", type="t"), ["2"]),
        (EventSearch(text="\\"), []),
    ]
    for asked, expected in cases:
        assert await searched(store, asked) == expected, asked


async def test_a_search_says_how_far_back_it_has_looked(store: SqliteStore) -> None:
    await put(store, *[an_event(str(n), now=NOW + n, data={"n": n}) for n in range(10)])
    found = await store.search_events(EventSearch(text='"n":3', examine=4))
    assert (found.events, found.searched_to) == ([], NOW + 6)
    found = await store.search_events(EventSearch(text='"n":3', examine=4, before=found.before))
    assert [row.event.id for row in found.events] == ["3"]
    assert found.searched_to == NOW + 2
    found = await store.search_events(EventSearch(text='"n":3', examine=4, before=found.before))
    assert (found.events, found.before, found.searched_to) == ([], None, NOW)
    nothing = await store.search_events(EventSearch(source="nobody", text="x"))
    assert (nothing.events, nothing.before, nothing.searched_to) == ([], None, None)


async def test_a_search_reads_so_many_bytes_at_most(store: SqliteStore) -> None:
    await put(store, *[an_event(str(n), data="x" * 100) for n in range(6)])
    asked = EventSearch(text="y", examine_bytes=250)
    found = await store.search_events(asked)
    assert found.events == []
    rows = {row.event.id: row.seq for row in await store.events(Page())}
    assert found.before == rows["3"]


@pytest.mark.parametrize("by", [{"subject": "a"}, {"text": "x"}, {"type": "t", "source": "shop"}])
async def test_the_pages_of_a_search_are_all_that_fit(
    store: SqliteStore, by: dict[str, str]
) -> None:
    random = Random(7)
    stored = [
        an_event(
            subject=random.choice(["a", "ab", "b", None]),
            data=random.choice(["x", "y" * 30]),
            type=random.choice(["t", "u"]),
        )
        for _ in range(60)
    ]
    await put(store, *stored)
    fitting = [e.id for e in reversed(stored) if _fits(e, by)]
    for limit, examine, most in ((1, 7, 10**9), (5, 60, 50), (100, 10, 10**9), (7, 100, 10**9)):
        found: list[str] = []
        places: list[int] = []
        before = None
        while before is not None or not places:
            asked = EventSearch(limit=limit, examine=examine, bytes=most, before=before, **by)  # type: ignore[arg-type]
            page = await store.search_events(asked)
            found += [row.event.id for row in page.events]
            before = page.before
            places.append(before or 0)
        assert found == fitting
        assert all(later < earlier for earlier, later in pairwise(places))


def _fits(event: Event, by: dict[str, str]) -> bool:
    return (
        (event.subject or "").startswith(by.get("subject", ""))
        and by.get("text", "") in event.data
        and event.type == by.get("type", event.type)
    )


# --- times ----------------------------------------------------------------------------------


async def test_times_that_do_not_follow_numbers(store: SqliteStore) -> None:
    """The clock has been set, and back: what is asked for by time is found all the same."""
    random = Random(3)
    times = [NOW + random.randrange(-30, 30) * HOUR // 10 for _ in range(80)]
    for at in times:
        run = a_run("f", created_at=at)
        await one(store, Accept(decided=(ran(an_event(now=at), run),), received_at=at))
    for since, until in ((NOW, None), (None, NOW), (NOW - HOUR, NOW + HOUR), (NOW + 1, NOW + 2)):
        page = Page(limit=100, since=since, until=until)
        expected = sorted(t for t in times if (since or 0) <= t and (until is None or t < until))
        assert sorted(row.created_at for row in await store.runs(page)) == expected
        assert len(await store.events(page)) == len(expected)
        asked = EventSearch(limit=100, since=since, until=until)
        assert len((await store.search_events(asked)).events) == len(expected)


async def test_the_size_of_the_database(store: SqliteStore) -> None:
    size = await store.size()
    assert size.bytes > 0
    assert (size.events, size.runs, size.tasks, size.messages) == (0, 0, 0, 0)
    assert (size.oldest_event_at, size.oldest_run_at) == (None, None)
    run = a_run()
    await begun(store, run)
    await one(store, changed(run, tasks=(a_task("a"), a_task("b"))))
    size = await store.size()
    assert (size.events, size.runs, size.tasks) == (1, 1, 2)
    assert size.oldest_run_at == NOW
