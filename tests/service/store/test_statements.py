"""The SQL files: each statement is used, is valid, and finds its rows by an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import triphammer.service.store.sqlite.store as module
from triphammer.service.store.contract import DeadPage, Page
from triphammer.service.store.looking import EventSearch, OutboxPage
from triphammer.service.store.sqlite.migrations import migrate
from triphammer.service.store.sqlite.pages import (
    dead_event_page,
    dead_page,
    dead_run_page,
    event_page,
    event_search,
    outbox_page,
    run_page,
)
from triphammer.service.store.sqlite.statements import statements

FILES = ("reads.sql", "writes.sql", "logs.sql", "access.sql", "looking.sql")
LISTS = ("pages.sql", *FILES)
NAMED = [(file, name) for file in LISTS for name in statements(file)]
READS = [name for name in statements("reads.sql") if not name.endswith("_counts")]
SMALL = {"paused", "paused_sensors", "dead_records", "endpoints", "served"}


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "test")
    connection.execute(statements("logs.sql")["schema"])
    connection.execute(statements("logs.sql")["index"])
    yield connection
    connection.close()


def values_for(sql: str) -> Sequence[int] | Mapping[str, int]:
    """A value for each that a statement takes, by place or by name."""
    named = re.findall(r"(?<![:\w]):([a-z]\w*)", sql)
    return dict.fromkeys(named, 1) if named else [1] * placeholders(sql)


def placeholders(sql: str) -> int:
    """How many values a statement takes by place."""
    numbered = [int(n) for n in re.findall(r"\?(\d+)", sql)]
    return max(numbered) if numbered else sql.count("?")


def plan(raw: sqlite3.Connection, sql: str, values: Sequence[Any] | Mapping[str, Any]) -> list[str]:
    """The steps by which SQLite would find the rows."""
    return [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def full_scans(steps: list[str]) -> list[str]:
    """Steps that look at every row of a table, but for rows taken in the order of `seq`."""
    return [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_statement_is_used(file: str, name: str) -> None:
    folder = Path(module.__file__).parent.parent
    sources = "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    assert f'"{name}"' in sources


@pytest.mark.parametrize("file", FILES)
def test_every_statement_can_be_prepared(raw: sqlite3.Connection, file: str) -> None:
    for name, sql in statements(file).items():
        try:
            raw.execute(f"EXPLAIN {sql}", values_for(sql))
        except sqlite3.Error as error:
            pytest.fail(f"{file}: {name}: {error}")


def test_names_are_unique() -> None:
    for file in LISTS:
        text = (Path(module.__file__).parent / file).read_text("utf-8")
        assert len(re.findall(r"^-- name:", text, re.MULTILINE)) == len(statements(file))


@pytest.mark.parametrize("name", READS)
def test_reads_find_their_rows_by_an_index(raw: sqlite3.Connection, name: str) -> None:
    sql = statements("reads.sql")[name]
    scans = full_scans(plan(raw, sql, [1] * placeholders(sql)))
    # Whatever is newest comes first in the table itself; `find` unites three lists, and
    # `ready` scans what it has just found.
    assert not scans or name in {*SMALL, "outbox", "backfills", "find", "ready"}


@pytest.mark.parametrize("name", ["claims_due", "outbox_of_run"])
def test_lists_come_out_of_their_index_in_order(raw: sqlite3.Connection, name: str) -> None:
    sql = statements("reads.sql")[name]
    assert not any("TEMP B-TREE" in step for step in plan(raw, sql, [1] * placeholders(sql)))


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("outbox_due", "outbox_due"),
        ("outbox_next_due", "outbox_due"),
        ("outbox_oldest", "outbox_by_state"),
    ],
)
def test_the_few_among_many_have_an_index_of_their_own(
    raw: sqlite3.Connection, name: str, index: str
) -> None:
    sql = statements("reads.sql")[name]
    steps = plan(raw, sql, [1] * placeholders(sql))
    assert f" {index} " in f"{steps[0]} "
    assert not any("TEMP B-TREE" in step for step in steps)


def test_runs_that_are_ready_are_found_without_looking_at_those_that_wait(
    raw: sqlite3.Connection,
) -> None:
    steps = plan(raw, statements("reads.sql")["ready"], ["f", 1])
    assert steps == ["SEARCH runs USING INDEX runs_ready (flow=?)"]


PAGES = {
    "newest runs": run_page(Page()),
    "runs before": run_page(Page(before=9)),
    "runs of a flow": run_page(Page(flow="f", before=9)),
    "runs in a state": run_page(Page(state="failed", before=9)),
    "runs of a flow in a state": run_page(Page(flow="f", state="failed", before=9)),
    "runs of an event": run_page(Page(event="e")),
    "newest events": event_page(Page()),
    "events before": event_page(Page(before=9)),
    "events of a type": event_page(Page(type="t", before=9)),
    "events of a source": event_page(Page(source="s", before=9)),
    "dead messages": dead_page(DeadPage()),
    "dead messages of a target": dead_page(DeadPage(target="t", before=(9, "m"))),
    "dead messages in a time": dead_page(DeadPage(flow="f", since=1, until=9)),
    "dead runs": dead_run_page(Page(before=9)),
    "dead runs of a flow": dead_run_page(Page(flow="f", before=9)),
    "dead runs in a time": dead_run_page(Page(since=1, until=9)),
    "dead events": dead_event_page(Page(before=9)),
    "dead events of a flow": dead_event_page(Page(flow="f", before=9)),
    "newest messages": outbox_page(OutboxPage()),
    "dead messages of a flow": outbox_page(OutboxPage(state="dead", flow="f", before=9)),
    "delivered messages of a flow": outbox_page(OutboxPage(state="delivered", flow="f")),
    "messages of a kind to a target": outbox_page(OutboxPage(kind="k", target="t", before=9)),
}


@pytest.mark.parametrize("what", PAGES)
def test_a_page_reads_only_its_own_rows_in_order(raw: sqlite3.Connection, what: str) -> None:
    sql, values = PAGES[what]
    steps = plan(raw, sql, values)
    assert not any("TEMP B-TREE" in step for step in steps)
    assert not full_scans(steps) or what.startswith("newest")


INDEX_OF = {
    "dead runs": "runs_dead",
    "dead runs of a flow": "runs_dead_of_flow",
    "dead runs in a time": "runs_dead",
    "dead events": "dispositions_dead",
    "dead events of a flow": "dispositions_dead_of_flow",
    "dead messages of a flow": "outbox_by_state",
    "delivered messages of a flow": "outbox_by_flow",
    "messages of a kind to a target": "outbox_by_target",
}


@pytest.mark.parametrize("what", INDEX_OF)
def test_a_page_is_found_by_the_index_that_has_the_fewest_rows_of_it(
    raw: sqlite3.Connection, what: str
) -> None:
    sql, values = PAGES[what]
    assert f" {INDEX_OF[what]} " in f"{plan(raw, sql, values)[0]} "


SEARCHES = {
    "of a type": (EventSearch(type="t", text="x"), False, "events_by_type"),
    "of a source": (EventSearch(type="t", source="s", text="x"), False, "events_by_source"),
    "of few subjects": (EventSearch(type="t", subject="a/"), True, "events_by_subject"),
}


@pytest.mark.parametrize("what", SEARCHES)
def test_a_search_walks_an_index(raw: sqlite3.Connection, what: str) -> None:
    asked, by_subject, index = SEARCHES[what]
    steps = plan(raw, *event_search(asked, by_subject=by_subject))
    assert any(f" {index} " in f"{step} " for step in steps)
    assert all("walked" in scan or "(subquery" in scan for scan in full_scans(steps))


@pytest.mark.parametrize("name", statements("looking.sql"))
def test_what_pages_show_of_many_rows_is_found_by_an_index(
    raw: sqlite3.Connection, name: str
) -> None:
    sql = statements("looking.sql")[name]
    scans = full_scans(plan(raw, sql, [1] * placeholders(sql)))
    few = {"asked", "run_counts", "outbox_counts", "event_hours", "CONSTANT", "(subquery-1)"}
    assert not [scan for scan in scans if scan.split()[1] not in few and "pragma" not in scan]


@pytest.mark.parametrize(
    "page", [Page(since=1), Page(until=2), Page(since=1, until=2, before=3, flow="f", type="t")]
)
def test_a_time_is_found_by_its_index(raw: sqlite3.Connection, page: Page) -> None:
    for sql, values in (run_page(page), event_page(page)):
        steps = plan(raw, sql, values)
        assert any("USING COVERING INDEX" in step and "_by_time" in step for step in steps)
        assert not any("TEMP B-TREE" in step for step in steps)
        assert not full_scans(steps)
