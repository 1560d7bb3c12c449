"""Ten times what the daemon can do, for two minutes: what it refuses, keeps and needs after."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.client import Answer, post_all, read_answer, request
from benchmarks.figures import Figure
from benchmarks.setting import ended, make_daemon, wait
from tests.acceptance.process import DaemonProcess

SECONDS = 120
TIMES = 10
BATCH = 100
MEASURED = 3000
CONNECTIONS = 200
MEMORY_MIB = 400.0
SETTINGS = "[limits]\nqueued_runs = 20000\n"
HEADERS = {"content-type": "application/cloudevents-batch+json"}
AIM = "the aim"


@dataclass
class Offered:
    """What was sent, and what was said to it."""

    answers: Counter[int] = field(default_factory=Counter[int])
    accepted: set[str] = field(default_factory=set[str])
    unfit: Counter[str] = field(default_factory=Counter[str])

    def note(self, name: str, answer: Answer) -> None:
        """One batch was answered."""
        self.answers[answer.status] += 1
        if answer.status == 202:
            events = json.loads(answer.body)["events"]
            self.accepted.update(event["id"] for event in events)
        elif "retry-after" not in answer.headers:
            self.unfit[name] += 1


def overload(folder: Path) -> list[Figure]:
    """Capacity first, then ten times as much in batches; a batch is refused whole."""
    with make_daemon(folder / "overload", SETTINGS) as daemon:
        capacity = _capacity(daemon)
        offered = asyncio.run(_offer(daemon, round(capacity * TIMES / BATCH)))
        backlog = _queued(daemon)
        began = time.perf_counter()
        wait(lambda: ended(daemon, "loaded") >= len(offered.accepted))
        drained = time.perf_counter() - began
        memory = _peak_mib(daemon.pid)
        daemon.stop()
        lost = offered.accepted - _stored(daemon.project / ".triphammer" / "triphammer.db")
    refused = offered.answers[429] + offered.answers[503]
    sent = offered.answers.total()
    return [
        Figure("overload: batches sent a second", sent / SECONDS, capacity * 10 / BATCH, "/s", AIM),
        Figure("overload: batches refused, 429 or 503", refused, sent, "", "batches sent"),
        Figure("overload: other answers", sent - refused - offered.answers[202], 0, "", AIM),
        Figure("overload: refused without Retry-After", offered.unfit.total(), 0, "", AIM),
        Figure("overload: acknowledged and lost", len(lost), 0, "", AIM),
        Figure("overload: memory at most", memory, MEMORY_MIB, "MiB", AIM),
        Figure("overload: back to normal", drained, 2 * backlog / capacity, "s", "twice backlog"),
    ]


def _capacity(daemon: DaemonProcess) -> float:
    """Events a second, from request to the end of their runs."""
    bodies = [json.dumps(_batch(f"c{n}")).encode() for n in range(MEASURED // BATCH)]
    began = time.perf_counter()
    asyncio.run(post_all(daemon.url, "/api/v1/events", bodies, 4, HEADERS["content-type"]))
    wait(lambda: ended(daemon, "loaded") >= MEASURED)
    return MEASURED / (time.perf_counter() - began)


def _batch(name: str) -> list[dict[str, object]]:
    event = {"specversion": "1.0", "source": "load", "type": "load", "data": {"n": 1}}
    return [{**event, "id": f"{name}-{n}"} for n in range(BATCH)]


async def _offer(daemon: DaemonProcess, batches_a_second: int) -> Offered:
    """Send at that rate whatever the answers are, as far as connections go."""
    offered = Offered()
    parts = urlsplit(daemon.url)
    began = time.perf_counter()
    numbers = iter(range(batches_a_second * SECONDS))

    async def work() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for number in numbers:
            due = began + number / batches_a_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if time.perf_counter() - began > SECONDS:
                break
            body = json.dumps(_batch(f"o{number}")).encode()
            writer.write(request("/api/v1/events", body, HEADERS["content-type"]))
            offered.note(f"o{number}", await read_answer(reader))
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work())
    return offered


def _queued(daemon: DaemonProcess) -> int:
    counts = daemon.get("/api/v1/flows/loaded")["runs"]
    return sum(counts.get(state, 0) for state in ("queued", "running"))


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _stored(file: Path) -> set[str]:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        return {row[0] for row in database.execute("SELECT id FROM events")}
