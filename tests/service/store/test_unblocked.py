"""Which queued runs wait for no other of their key, against a count of all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from random import Random

import pytest

from triphammer.service.store.sqlite.dead import DeadLetters
from triphammer.service.store.sqlite.migrations import migrate, migrations
from triphammer.service.store.sqlite.statements import statements

BEFORE = 6
"""The schema version before runs were marked."""


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


def expected(raw: sqlite3.Connection, flow: str) -> list[int]:
    """Queued runs, by place, before which none of their key is open or parks it."""
    rows = raw.execute("SELECT * FROM runs WHERE flow = ?", (flow,)).fetchall()
    rows.sort(key=lambda row: row["place"] or row["seq"])
    seen, found = set[str](), list[int]()
    under_way = {row["order_key"] for row in rows if row["holds"] and row["state"] == "running"}
    for row in rows:
        free = not row["holds"] or row["order_key"] not in seen | under_way
        if row["holds"]:
            seen.add(row["order_key"])
        if row["state"] == "queued" and free:
            found.append(row["seq"])
    return found


def found(raw: sqlite3.Connection, flow: str) -> list[int]:
    sql = statements("reads.sql")["ready"]
    return [row["seq"] for row in raw.execute(sql, (flow, 1000))]


def add(raw: sqlite3.Connection, random: Random) -> None:
    key = random.choice(["a", "b", "c", None])
    raw.execute(
        "INSERT INTO runs (id, flow, version, subscription, state, event, params, lineage, "
        "created_at, order_key, holds, parks) VALUES (?, ?, 'v', 's', 'queued', 'e', '{}', '', 0, "
        "?, ?, ?)",
        (f"run_{random.getrandbits(64)}", random.choice("fg"), key, key is not None, 1),
    )


def change(raw: sqlite3.Connection, random: Random) -> None:
    """One thing that happens to a run: begun, ended, withdrawn, settled, come back."""
    sql = "SELECT * FROM runs WHERE holds OR state IN ('queued', 'running')"
    row = random.choice(raw.execute(sql).fetchall() or [None])
    if row is None:
        return
    state, seq = row["state"], row["seq"]
    if state == "queued" and seq in expected(raw, row["flow"]) and random.random() < 0.8:
        raw.execute("UPDATE runs SET state = 'running' WHERE seq = ?", (seq,))
    elif state in ("queued", "running"):
        ends = ["succeeded", "failed"] if state == "running" else ["cancelled"]
        end = random.choice(ends)
        values = (seq, end, None, 1, None, None)
        raw.execute(statements("writes.sql")["change_run"], values)
    elif state == "failed" and row["holds"]:
        settle = random.choice(["redriven", "skipped"])
        dead = DeadLetters()
        settled = dead.settle(raw, row["id"], row["epoch"], settle)
        assert settled is not None
        if settle == "redriven":
            add(raw, random)
            (new,) = raw.execute("SELECT id FROM runs ORDER BY seq DESC LIMIT 1").fetchone()
            raw.execute("UPDATE runs SET holds = 0, flow = ? WHERE id = ?", (row["flow"], new))
            dead.take_place(raw, new, row["id"], settled)


@pytest.mark.parametrize("seed", range(8))
def test_triggers_keep_what_a_count_finds(raw: sqlite3.Connection, seed: int) -> None:
    migrate(raw, "test")
    random = Random(seed)
    add(raw, random)
    for _ in range(300):
        random.choice([add, change, change])(raw, random)
        for flow in "fg":
            assert found(raw, flow) == expected(raw, flow)
    assert any(row["place"] for row in raw.execute("SELECT place FROM runs"))


def test_one_under_way_is_before_a_run_that_comes_back(raw: sqlite3.Connection) -> None:
    migrate(raw, "test")
    random = Random(1)
    for _ in range(30):
        add(raw, random)
    [first, second, *_] = [
        row["seq"] for row in raw.execute("SELECT seq FROM runs WHERE flow='f' AND order_key='a'")
    ]
    raw.execute("UPDATE runs SET state = 'failed', holds = 0 WHERE seq = ?", (first,))
    raw.execute("UPDATE runs SET state = 'running' WHERE seq = ?", (second,))
    raw.execute("UPDATE runs SET state = 'queued', holds = 1 WHERE seq = ?", (first,))
    assert first not in found(raw, "f")
    raw.execute("UPDATE runs SET state = 'succeeded', holds = 0 WHERE seq = ?", (second,))
    assert first in found(raw, "f")
    assert found(raw, "f") == expected(raw, "f")


def test_runs_of_an_older_database_are_marked(raw: sqlite3.Connection) -> None:
    raw.executescript("\n".join(migrations()[:BEFORE]))
    raw.execute(f"PRAGMA user_version = {BEFORE}")
    random = Random(3)
    for _ in range(40):
        add(raw, random)
    raw.execute("UPDATE runs SET state = 'running' WHERE order_key = 'a' AND seq < 10")
    raw.execute("UPDATE runs SET state = 'failed', place = 3 WHERE order_key = 'b' AND seq < 15")
    raw.execute("UPDATE runs SET state = 'cancelled', holds = 0 WHERE order_key = 'c' AND seq < 9")
    migrate(raw, "test")
    for flow in "fg":
        assert found(raw, flow) == expected(raw, flow)
