"""Every page and API list of a daemon with a million events, a million runs and three million
task rows: the first pages and deep ones, of busy flows and of none.

TRIPHAMMER_SCALE_DB names a folder that `python -m benchmarks.scale FOLDER` has made; without it
one is made first, which takes some minutes. What is measured is a copy.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import quote, urlencode, urlsplit

from benchmarks.client import read_answer
from benchmarks.figures import Figure, percentile
from benchmarks.footprint import cpu_seconds
from benchmarks.scale import DAYS, LARGE, WIDE, make, names, sample
from benchmarks.setting import compiled
from tests.acceptance.process import DaemonProcess

AIM = "the aim"
TIMES = 30
"""Each page so often, each time about something else."""
MOST_MS = 150
Asked = Callable[[Random], str]


@dataclass(frozen=True)
class Known:
    """What a database holds, to ask for."""

    runs: Sequence[str]
    failed: Sequence[str]
    wide: Sequence[str]
    large: Sequence[str]
    events: Sequence[str]
    messages: Sequence[str]
    count: int


@dataclass(frozen=True)
class Answered:
    """The 95th percentile of the time that answers took, and what of the processor's time each
    needed in the mean, milliseconds."""

    slow: float
    work: float


def pages(folder: Path) -> list[Figure]:
    """The slowest first."""
    made = full_project(folder)
    known = look(made)
    with DaemonProcess(copy_of(made, folder), env=compiled()) as daemon:
        found = asyncio.run(measure(daemon, known, TIMES))
    figures = [Figure(name, a.slow, MOST_MS, "ms", AIM) for name, a in found.items()]
    dearest = max(found, key=lambda name: found[name].work)
    work = Figure(f"{dearest}, processor", found[dearest].work, MOST_MS, "ms", AIM)
    return [work, *sorted(figures, key=lambda figure: -figure.value)]


def starts(folder: Path) -> list[Figure]:
    """Start to ready on the large database."""
    project = copy_of(full_project(folder), folder)
    daemon = DaemonProcess(project, env=compiled())
    took: list[float] = []
    for _ in range(6):
        began = time.perf_counter()
        daemon.start()
        took.append(time.perf_counter() - began)
        daemon.stop()
    # The first takes up what a crash has left, and compiles what is not compiled yet.
    value = percentile(took[1:], 0.5) * 1e3
    return [Figure("start to ready, a million runs", value, 1000, "ms", AIM)]


def full_project(folder: Path) -> Path:
    """The project with the large database."""
    named = os.environ.get("TRIPHAMMER_SCALE_DB")
    return make(Path(named) if named else folder / "full")


def copy_of(made: Path, folder: Path) -> Path:
    """One that may be written to."""
    copy = folder / "copy"
    if not copy.is_dir():
        shutil.copytree(made, copy)
    return copy


def look(folder: Path) -> Known:
    """Some of what is there."""

    def ids(sql: str, count: int = 200) -> list[str]:
        return [str(row[0]) for row in sample(folder, sql, count)]

    some = "SELECT id FROM runs WHERE seq % 4999 = 3 AND flow LIKE 'shop%'"
    return Known(
        runs=ids(some),
        failed=ids("SELECT id FROM runs WHERE state = 'failed' AND seq % 11 = 0"),
        wide=ids(f"SELECT id FROM runs WHERE flow = '{WIDE}' AND state = 'failed'"),
        large=ids(f"SELECT id FROM runs WHERE flow = '{LARGE}' AND state = 'succeeded'"),
        events=ids("SELECT key FROM events WHERE seq % 4999 = 3"),
        messages=ids("SELECT id FROM outbox WHERE seq % 997 = 3"),
        count=int(ids("SELECT max(seq) FROM runs")[0]),
    )


async def measure(daemon: DaemonProcess, known: Known, times: int) -> Mapping[str, Answered]:
    """Each page and list so many times. Raises RuntimeError for one that is not answered."""
    parts = urlsplit(daemon.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    found: dict[str, Answered] = {}
    for name, path_of in asked(known):
        random, before = Random(name), cpu_seconds(daemon.pid)
        took: list[float] = []
        for number in range(times):
            path = _anew(path_of(random), number)
            began = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            answer = await read_answer(reader)
            took.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {path}: {answer.body[:300]!r}")
        work = (cpu_seconds(daemon.pid) - before) / times
        found[name] = Answered(percentile(took, 0.95) * 1e3, work * 1e3)
    writer.close()
    return found


def _anew(path: str, number: int) -> str:
    """An address that nobody has asked for: pages are made once for all who ask at a time."""
    return f"{path}{'&' if '?' in path else '?'}n={number}"


def asked(known: Known) -> Iterator[tuple[str, Asked]]:
    """Every page and list by what it shows."""
    yield from _plain()
    for prefix in ("", "/api/v1"):
        yield from _runs(prefix, known)
        yield from _events(prefix, known)
        yield from _messages(prefix, known)
        yield from _flows(prefix)
    yield from _details(known)


def _plain() -> Iterator[tuple[str, Asked]]:
    paths = (
        "/",
        "/deadletters",
        "/audit",
        "/tokens",
        "/docs",
        "/palette",
        "/health",
        "/sensors",
        "/settings",
        "/metrics",
        "/openapi.json",
        "/readyz",
        "/api/v1/stats",
        "/api/v1/sensors",
        "/api/v1/store",
        "/api/v1/settings",
        "/api/v1/breakers",
        "/api/v1/backfills",
        "/api/v1/audit",
        "/api/v1/tokens",
    )
    for path in paths:
        yield path, _always(path)
    for kind in ("run", "event", "record", "message"):
        yield f"/api/v1/deadletters {kind}s", _with("/api/v1/deadletters", kind=kind)
        yield (
            f"/api/v1/deadletters {kind}s of a flow without any",
            _with("/api/v1/deadletters", kind=kind, flow="nobody"),
        )
        for name, at in (("long ago", DAYS), ("lately", 1)):
            since = _ago(at)
            until = _ago(at - 1)
            yield (
                f"/api/v1/deadletters {kind}s {name}",
                _with("/api/v1/deadletters", kind=kind, since=since, until=until),
            )
    yield "/api/v1/audit of somebody who did nothing", _with("/api/v1/audit", who="nobody")


def _runs(prefix: str, known: Known) -> Iterator[tuple[str, Asked]]:
    path = f"{prefix}/runs"
    yield path, _always(path)
    yield f"{path} deep", _deep(path, known.count)
    for state in ("failed", "succeeded", "running", "superseded"):
        yield f"{path} {state}", _with(path, state=state)
        yield f"{path} {state} deep", _deep(path, known.count, state=state)
    yield f"{path} of a flow", lambda r: _query(path, flow=r.choice(names()))
    yield f"{path} of a flow, failed, deep", _deep(path, known.count, flow=WIDE, state="failed")
    yield f"{path} of no flow", _with(path, flow="nobody")
    for days in (DAYS, DAYS // 2, 1):
        yield f"{path} since {days} days", _with(path, since=_ago(days))
        yield f"{path} until {days} days ago", _with(path, until=_ago(days))
        yield (
            f"{path} failed until {days} days ago",
            _with(path, state="failed", until=_ago(days)),
        )


def _events(prefix: str, known: Known) -> Iterator[tuple[str, Asked]]:
    path = f"{prefix}/events"
    yield path, _always(path)
    yield f"{path} deep", _deep(path, known.count)
    yield f"{path} of a type", _with(path, type="shop.customer.left")
    yield f"{path} of a type deep", _deep(path, known.count, type="shop.customer.left")
    yield f"{path} of no type", _with(path, type="nothing")
    yield f"{path} of a type and source", _with(path, type="shop.order.created", source="/shop/1")
    yield f"{path} of a type without a source", _with(path, type="shop.order.created", source="/n")
    yield (
        f"{path} of a subject",
        lambda r: _query(path, subject=f"eu/orders/{r.randrange(50000):05}"),
    )
    yield f"{path} of many subjects", _with(path, subject="eu/")
    yield f"{path} with a text", _with(path, q="customer-1")
    yield f"{path} with a text that is nowhere", _with(path, q="there is none")
    yield (
        f"{path} with a text that is nowhere, deep",
        _deep(path, known.count, q="there is none"),
    )
    for days in (DAYS, DAYS // 2, 1):
        yield f"{path} since {days} days", _with(path, since=_ago(days))
        yield f"{path} until {days} days ago", _with(path, until=_ago(days))


def _messages(prefix: str, known: Known) -> Iterator[tuple[str, Asked]]:
    path = f"{prefix}/outbox"
    yield path, _always(path)
    yield f"{path} deep", _deep(path, known.count // 5)
    for state in ("pending", "dead", "delivered"):
        yield f"{path} {state} of a flow", _with(path, state=state, flow=names()[3])
        yield f"{path} {state} of no flow", _with(path, state=state, flow="nobody")
    yield f"{path} of a kind deep", _deep(path, known.count // 5, kind="kafka")
    yield f"{path} of a target", _with(path, target="topic-3")


def _flows(prefix: str) -> Iterator[tuple[str, Asked]]:
    path = f"{prefix}/flows"
    yield path, _always(path)
    yield f"{path}/{{name}}", lambda r: f"{path}/{r.choice(names())}"
    for name in (WIDE, LARGE):
        yield f"{path}/{name}", _always(f"{path}/{name}")
    yield f"{path}/{{name}}/versions", lambda r: f"{path}/{r.choice(names())}/versions"
    if prefix:
        for what in ("stats", "grid", "state"):
            yield f"{path}/{{name}}/{what}", _one(path, names(), f"/{what}")
        yield f"{path}/{LARGE}/grid", _always(f"{path}/{LARGE}/grid")
        yield f"{path}/{WIDE}/grid", _always(f"{path}/{WIDE}/grid")


def _details(known: Known) -> Iterator[tuple[str, Asked]]:
    for prefix in ("", "/api/v1"):
        for what, ids in (
            ("", known.runs),
            (" failed", known.failed),
            (f" with {WIDE} maps", known.wide),
            (f" that is {LARGE}", known.large),
        ):
            yield f"{prefix}/runs/{{id}}{what}", _one(f"{prefix}/runs", ids)
        yield f"{prefix}/events/{{key}}", _one(f"{prefix}/events", known.events)
        yield f"{prefix}/outbox/{{id}}", _one(f"{prefix}/outbox", known.messages)
    for part in ("logs", "artifacts", "stored"):
        yield f"/api/v1/runs/{{id}}/{part}", _one("/api/v1/runs", known.runs, f"/{part}")
        yield f"/api/v1/runs/{{id}}/{part} of maps", _one("/api/v1/runs", known.wide, f"/{part}")
    items = "?tasks=all&limit=500&after=item%5B1000%5D"
    yield "/api/v1/runs/{id} items of maps, deep", _one("/api/v1/runs", known.wide, items)
    yield "/runs/{id}/lines of maps", _one("/runs", known.wide, "/lines")
    yield "/api/v1/messages/{id}", _one("/api/v1/messages", known.messages)
    yield "/flows/{name}/backfills", _one("/flows", names(), "/backfills")
    item = "/tasks/item%5B1000%5D/result"
    yield "/api/v1/runs/{id}/tasks/{task}/result", _one("/api/v1/runs", known.wide, item)
    for prefix in ("", "/api/v1"):
        yield f"{prefix}/runs/compare", _compared(prefix, known)


def _compared(prefix: str, known: Known) -> Asked:
    def three(random: Random) -> str:
        ids = random.sample(known.runs, 3)
        return f"{prefix}/runs/compare?{urlencode([('run', id) for id in ids])}"

    return three


def _always(path: str) -> Asked:
    return lambda _: path


def _with(path: str, **query: str) -> Asked:
    return _always(_query(path, **query))


def _query(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def _deep(path: str, count: int, **query: str) -> Asked:
    return lambda random: _query(path, cursor=f"c{random.randrange(1000, count)}", **query)


def _one(path: str, ids: Sequence[str], rest: str = "") -> Asked:
    return lambda random: f"{path}/{quote(random.choice(ids))}{rest}"


def _ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()
