"""A data folder of a million events, a million runs and three million task rows.

`python -m benchmarks.scale FOLDER` makes a project in FOLDER with it. Rows are inserted into the
real schema as it was before schema 14, without the indexes that nothing is found by meanwhile;
then the indexes are made, and the migration does the rest: it is tried on a large database, too.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.acceptance.process import project
from triphammer.flows.journal import Encoded, ErrorInfo, OutMessage, Wait
from triphammer.flows.loader import load_flows
from triphammer.service.store.layout import DATABASE, LOGS
from triphammer.service.store.sqlite.migrations import migrate, migrations
from triphammer.service.store.sqlite.statements import statements

EVENTS = 1_000_000
FLOWS = 40
DAYS = 360
BEFORE_COUNTS = 13
"""The schema into which rows are inserted: later ones count and index them at once."""
DAY, HOUR, SECOND = 86_400_000_000, 3_600_000_000, 1_000_000
MAPPED = 2_000
NODES = 300
WIDE, LARGE, HELD = "wide", "large", "held"
SETTINGS = '[retention]\npayload = "500d"\nidentities = "500d"\naudit = "500d"\n'
PACK = msgspec.msgpack.Encoder().encode
ERROR = PACK(ErrorInfo("ValueError", "enrich: no such customer", "Traceback ...\n" * 12))
RESULT = PACK(Encoded("json", b'{"rows": 120, "region": "eu"}'))
TYPES = (
    ("shop.order.created", 40),
    ("triphammer.file.created", 20),
    ("triphammer.webhook.received", 15),
    ("triphammer.kafka.record", 15),
    ("triphammer.timer.fired", 8),
    ("shop.customer.left", 2),
)
ENDS = (("succeeded", 930), ("failed", 45), ("cancelled", 20), ("superseded", 5))

FILE = """
from triphammer import Event, approve, events, flow, task

@task
def parse(event: Event) -> int:
    return 1

@task(retries=2)
async def enrich(rows: int) -> int:
    return rows + 1

@task
async def load(rows: int) -> dict[str, object]:
    return {"rows": rows}
"""
FLOW = """
@flow(on=events(type="bench.{name}"))
def {name}(event: Event, region: str = "eu", limit: int = 10):
    return load(enrich(parse(event)))
"""
OTHERS = f"""
from triphammer import Event, approve, events, flow, task

@task
async def item(n: int) -> int:
    return n

@task
async def gather(found: list[int]) -> int:
    return len(found)

@flow
def {WIDE}(count: int = {MAPPED}):
    return gather(item.map(list(range({MAPPED}))))

@flow
def {LARGE}():
    rows = [item.options(name=f"n{{k}}")(k) for k in range(10)]
    for k in range(10, {NODES}):
        rows.append(item.options(name=f"n{{k}}")(rows[k - 10]))
    return rows[-1]

@flow
def {HELD}():
    return approve("go on?") >> item(1)
"""


def names() -> list[str]:
    """The flows of most runs."""
    return [f"shop_{n:02}" for n in range(FLOWS)]


def make_project(folder: Path) -> Path:
    """The flow files."""
    flows = {f"flows_{n}": FILE + _flows_of(n) for n in range(0, FLOWS, 10)}
    return project(folder, {**flows, "others": OTHERS}, SETTINGS)


def _flows_of(first: int) -> str:
    return "".join(FLOW.format(name=name) for name in names()[first : first + 10])


@dataclass
class Rows:
    """Everything, row by row, in the order in which it would have come."""

    count: int
    versions: Mapping[str, str]
    now: int
    random: Random = field(default_factory=lambda: Random(14))

    def at(self, number: int) -> int:
        """When the event of this number came: evenly over the days until an hour ago."""
        span = DAYS * DAY - HOUR
        return self.now - DAYS * DAY + number * span // self.count

    def events(self) -> Iterator[tuple[Any, ...]]:
        """One for each run; the columns of `EVENT_COLUMNS`."""
        random = Random(1)
        kinds = random.choices(
            [kind for kind, _ in TYPES], [share for _, share in TYPES], k=self.count
        )
        for n, kind in enumerate(kinds, start=1):
            at = self.at(n)
            region = ("eu", "us", "ap")[n % 3]
            subject = None if n % 7 == 0 else f"{region}/orders/{n % 50_000:05}"
            data = {
                "order": n,
                "customer": f"customer-{n * 7919 % 100_003}",
                "region": region,
                "amount": n % 997,
                "lines": [{"sku": f"sku-{(n + k) % 5000}", "count": k} for k in range(1, 4)],
            }
            if n % 500 == 0:
                data["note"] = "a long text about it " * 400
            body = msgspec.json.encode(data)
            source = f"/{kind.rpartition('.')[0]}/{n % 5}"
            yield (n, _id("evt", at, n), f"id-{n}", source, kind, subject, at, at, "json", body)

    def identities(self) -> Iterator[tuple[Any, ...]]:
        """Those of the events."""
        for event in self.events():
            n, key, id, source, at = event[0], event[1], event[2], event[3], event[7]
            yield (n, source, id, key, at, at, int(n % 100 == 0))

    def flow(self, number: int) -> str:
        """Of a run: some flows run much more often than others."""
        if number == self.count // 2:
            return WIDE
        if number % (self.count // 20) == 7:
            return LARGE
        return names()[int(FLOWS * ((number * 2654435761 % 2**32) / 2**32) ** 2.5)]

    def state(self, number: int) -> str:
        """Of a run: nearly all have ended, the last few have not."""
        left = self.count - number
        if left < 10:
            return "running"
        if left < 15:
            return "waiting"
        if left < 115:
            return "queued"
        if number == self.count // 2:
            return "failed"
        draw = number * 40503 % 1000
        for state, share in ENDS:
            draw -= share
            if draw < 0:
                return state
        raise AssertionError(number)

    def runs(self) -> Iterator[tuple[Any, ...]]:
        """One for each event; the columns of `RUN_COLUMNS`."""
        for n in range(1, self.count + 1):
            at, state = self.at(n), self.state(n)
            flow = HELD if state in ("waiting", "queued") else self.flow(n)
            ended = state not in ("running", "waiting", "queued")
            begun = None if state == "queued" else at + 3_000
            yield (
                n,
                _id("run", at, n),
                flow,
                self.versions[flow],
                flow,
                state,
                0 if state == "queued" else 1,
                _id("evt", at, n),
                b'{"region": "eu", "limit": 10}' if flow.startswith("shop") else b"{}",
                f'["{flow}"]',
                at,
                begun,
                at + 3_000 + self.took(n) if ended else None,
                RESULT if state == "succeeded" else None,
                ERROR if state == "failed" else None,
                self.settled(n) if state == "failed" else None,
            )

    def took(self, number: int) -> int:
        """How long a run took."""
        return 20_000 + number * 7907 % 4_000_000

    def settled(self, number: int) -> str | None:
        """What was done about a failed run: one of five is a dead letter still."""
        return None if number % 5 == 0 else "skipped"

    def dispositions(self) -> Iterator[tuple[Any, ...]]:
        """What each event began; a few events could not start another flow."""
        for n in range(1, self.count + 1):
            at = self.at(n)
            flow = self.flow(n)
            yield (_id("evt", at, n), flow, flow, "ran", None, _id("run", at, n))
            if n % 400 == 0:
                other = names()[n // 400 % FLOWS]
                why = "data.amount: expected a string"
                yield (_id("evt", at, n), other, other, "dead-lettered", why, None)

    def tasks(self) -> Iterator[tuple[Any, ...]]:
        """Three for most runs; the columns of `TASK_COLUMNS`."""
        for n in range(1, self.count + 1):
            state, at = self.state(n), self.at(n) + 3_000
            if state in ("queued", "running"):
                continue
            yield from self.tasks_of(n, state, at)

    def tasks_of(self, n: int, state: str, at: int) -> Iterator[tuple[Any, ...]]:
        """Those of one run."""
        if state == "waiting":
            yield (n, "approve", None, "waiting", 1, at, None, None, None, None)
            return
        flow, third = self.flow(n), self.took(n) // 3
        if flow == WIDE:
            yield (n, "item", None, "failed", 1, at, at + SECOND, None, None, MAPPED)
            for k in range(MAPPED):
                how, error = ("failed", ERROR) if k % 50 == 0 else ("succeeded", None)
                result = None if error else RESULT
                end = at + 1_000 * k
                yield (n, f"item[{k}]", "item", how, 1, at, end, result, error, None)
            return
        if flow == LARGE:
            for k in range(NODES):
                yield (n, f"n{k}", None, "succeeded", 1, at, at + third, RESULT, None, None)
            return
        for k, name in enumerate(("parse", "enrich", "load")):
            failed = state == "failed" and name == "enrich"
            how = "failed" if failed else "cancelled" if state == "cancelled" and k else "succeeded"
            if state == "failed" and name == "load":
                how = "skipped"
            result = RESULT if how == "succeeded" else None
            attempt = 3 if failed else 1
            begun = at + k * third
            error = ERROR if failed else None
            yield (n, name, None, how, attempt, begun, begun + third, result, error, None)

    def attempts(self) -> Iterator[tuple[Any, ...]]:
        """Of tasks that have failed each but the last."""
        for n in range(1, self.count + 1):
            if self.state(n) == "failed" and self.flow(n) not in (WIDE, LARGE):
                at = self.at(n)
                for attempt in (1, 2):
                    yield (n, "enrich", attempt, at, at + SECOND, ERROR)

    def messages(self) -> Iterator[tuple[Any, ...]]:
        """Of every fifth run one: most are delivered."""
        for n in range(5, self.count, 5):
            at, id = self.at(n), f"msg_{n:032x}"
            kind = "kafka" if n % 3 == 0 else "webhook"
            target = f"topic-{n % 11}" if kind == "kafka" else f"http://127.0.0.1:9/{n % 17}"
            body = b'{"order": %d, "rows": 120}' % n
            message = OutMessage(id=id, kind=kind, target=target, body=body, task="load")
            state = "delivered"
            if n % 400 == 0:
                state = "dead"
            elif self.count - n < 1_000:
                state = "pending"
            due = self.now + 30 * DAY if state == "pending" else at
            dead = at + HOUR if state == "dead" else None
            error = "connection refused" if state == "dead" else None
            flow, run = self.flow(n), _id("run", at, n)
            yield (id, run, flow, PACK(message), target, state, 1, at, due, error, dead)

    def dead_records(self) -> Iterator[tuple[Any, ...]]:
        """Records that are no events."""
        for n in range(2_000):
            yield ("kafka:topic", str(n), "no JSON", b"\xff\x00" * 40, "{}", self.at(n * 100))

    def audit(self) -> Iterator[tuple[Any, ...]]:
        """What people have done."""
        for n in range(50_000):
            who, action = f"person-{n % 9}", ("start_run", "pause_flow", "retry_run")[n % 3]
            at = self.at(n * self.count // 50_000)
            yield (at, who, None, "127.0.0.1", action, "shop_00", 202)

    def waits(self) -> Iterator[tuple[Any, ...]]:
        """Those of the runs that wait."""
        wait = PACK(Wait(task="approve", kind="approve", title="go on?"))
        for n in range(self.count - 14, self.count - 9):
            yield (n, "approve", "approve", self.at(n), wait)

    def lines(self) -> Iterator[tuple[Any, ...]]:
        """What the tasks of the last runs, and of the wide one, have printed."""
        for n in range(max(1, self.count - 20_000), self.count + 1):
            at = self.at(n)
            for k in range(3):
                yield (_id("run", at, n), "load", 1, at, "INFO", f"line {k} of order {n}")
        n = self.count // 2
        at = self.at(n)
        for k in range(5_000):
            task = f"item[{k % MAPPED}]"
            yield (_id("run", at, n), task, 1, at, "INFO", f"item {k} was looked at")


def _id(prefix: str, at: int, number: int) -> str:
    """As `new_id` gives them: ordered by their time, and the end of them is as if by chance."""
    millis, end = at // 1000, number * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF
    return f"{prefix}_{millis:012x}7{number & 0xFFF:03x}8{end >> 4:015x}"


TABLES: Mapping[str, str] = {
    "events": "seq, key, id, source, type, subject, time, received_at, data_kind, data",
    "identities": "seq, source, id, event, first_at, last_at, duplicates",
    "runs": "seq, id, flow, version, subscription, state, epoch, event, params, lineage, "
    "created_at, started_at, finished_at, result, error, settled",
    "dispositions": "event, subscription, flow, outcome, detail, run",
    "tasks": "run, name, map, state, attempt, started_at, finished_at, result, error, items",
    "attempts": "run, task, attempt, started_at, finished_at, error",
    "outbox": "id, run, flow, message, target, state, attempts, created_at, due_at, error, dead_at",
    "dead_records": "source, id, reason, payload, headers, at",
    "audit": "at, who, token, address, action, target, status",
    "waits": "run, task, kind, began_at, wanted",
}


def make(folder: Path, count: int = EVENTS) -> Path:
    """The project folder, with its data folder full. What is there already stays as it is."""
    if (folder / ".triphammer" / DATABASE).is_file():
        return folder
    make_project(folder)
    data = folder / ".triphammer"
    data.mkdir()
    flows = load_flows(folder, folder / "flows").flows
    rows = Rows(count, {name: flow.version for name, flow in flows.items()}, _now())
    with closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as raw:
        _fill(raw, rows)
        for flow in flows.values():
            sources = msgspec.json.encode(dict(flow.sources))
            values = (flow.name, flow.version, flow.file, sources, rows.at(0))
            raw.execute(statements("writes.sql")["add_version"], values)
    with closing(sqlite3.connect(data / LOGS, isolation_level=None)) as raw:
        _fill_logs(raw, rows)
    return folder


def _fill(raw: sqlite3.Connection, rows: Rows) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = OFF", "cache_size = -400000"):
        raw.execute(f"PRAGMA {pragma}")
    for number, script in enumerate(migrations()[:BEFORE_COUNTS], start=1):
        raw.executescript(f"BEGIN;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    indexes = raw.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    for table, columns in TABLES.items():
        values: Iterable[tuple[Any, ...]]
        values = rows.messages() if table == "outbox" else getattr(rows, table)()
        _told(table, _insert(raw, table, columns, values))
    for name, sql in indexes:
        _told(name, _timed(raw, sql))
    began = time.perf_counter()
    migrate(raw, "the generated database")
    _told("the migrations to the newest schema", time.perf_counter() - began)
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(
    raw: sqlite3.Connection, table: str, columns: str, values: Iterable[tuple[Any, ...]]
) -> float:
    """Insert them; the seconds that took."""
    began = time.perf_counter()
    places = ", ".join("?" * len(columns.split(",")))
    more, constants = _not_null(table)
    sql = f"INSERT INTO {table} ({columns}{more}) VALUES ({places}{constants})"
    raw.execute("BEGIN")
    raw.executemany(sql, values)
    raw.execute("COMMIT")
    return time.perf_counter() - began


def _not_null(table: str) -> tuple[str, str]:
    """A column that is the same in all rows."""
    return (", content_type", ", 'application/json'") if table == "events" else ("", "")


def _timed(raw: sqlite3.Connection, sql: str) -> float:
    began = time.perf_counter()
    raw.execute(sql)
    return time.perf_counter() - began


def _fill_logs(raw: sqlite3.Connection, rows: Rows) -> None:
    sql = statements("logs.sql")
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute(sql["schema"])
    raw.execute(sql["index"])
    raw.execute("BEGIN")
    raw.executemany(sql["add"], rows.lines())
    raw.execute("COMMIT")


def _told(what: str, seconds: float) -> None:
    sys.stderr.write(f"{what}: {seconds:.1f} s\n")


def _now() -> int:
    return time.time_ns() // 1000


def sample(folder: Path, sql: str, count: int) -> Sequence[tuple[Any, ...]]:
    """Some rows of a generated database."""
    with closing(sqlite3.connect(folder / ".triphammer" / DATABASE)) as raw:
        return list(islice(raw.execute(sql), count))


def main() -> None:
    """Make it in the folder that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=EVENTS)
    asked = parser.parse_args()
    make(asked.folder, asked.events)


if __name__ == "__main__":
    main()
