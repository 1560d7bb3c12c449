"""Cuts the power of a recorded daemon at any moment, and looks at what a disk may then hold.

    python -m tests.chaos.power_loss --images 10000 --seed 7

The real daemon serves a load under a tracer of system calls. Offline its writes, truncations,
renames and flushes are replayed on a disk that forgets what was not flushed, tears what was
being written, and does all in any order. Each image must open with the interpreter's sqlite3,
be whole, and hold everything that was acknowledged before. Exit code 1 where one does not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.regime import say_command
from tests.support.crash_images import STRACE, Call, Disk, recorded
from tests.support.target import listening
from triphammer.service.store.layout import ARTIFACTS, DATABASE

ROOT = Path(__file__).parents[2]
FLOWS = """
from pathlib import Path
from triphammer import Event, every, events, files, flow, send_webhook, task, webhook

@task
async def small(n: int) -> int:
    return n

class Weights:
    def __init__(self, n: int) -> None:
        self.values = str(n) * 3000

@task
def big(n: int) -> Weights:
    return Weights(n)

@task
def read(path: Path) -> str:
    return path.read_text()

@flow(on=webhook("in"))
def hooked(event: Event):
    return small(event.data["n"])

@flow(on=events(type="big"))
def stored(event: Event):
    big(event.data["n"])
    send_webhook("http://TARGET", {"n": event.data["n"]}, key="k")

@flow(on=files("inbox", "*.txt", ready="rename", done="done"))
def dropped(event: Event):
    return read(event.data["path"])

@flow(on=every("200ms"))
def ticked(event: Event):
    return small(1)
"""
SETTINGS = "[outbox]\nallow_private = true\n"
STRUCTURED = {"content-type": "application/cloudevents+json"}
MARK = "83a46b696e64a86172746966616374a4626f6479c440"
NAMED = f"""
SELECT substr(result, 23, 64) FROM tasks WHERE substr(result, 1, 22) = x'{MARK}'
UNION SELECT substr(result, 23, 64) FROM runs WHERE substr(result, 1, 22) = x'{MARK}'"""
"""Hashes of the artifacts that rows name; how a row does that is what migration 2 says."""

Drop = Callable[[Call], bool]


@dataclass(frozen=True)
class Promise:
    """What somebody was told, and from which moment on (seconds of the wall clock)."""

    at: float
    kind: str
    id: str


@dataclass(frozen=True)
class Recording:
    """The calls of a daemon below `root`, and what it promised meanwhile, both in order."""

    root: Path
    calls: Sequence[Call]
    promises: Sequence[Promise]


@dataclass
class Findings:
    """What the images of one kind of disk had lost."""

    images: int = 0
    promises: int = 0
    bad: Counter[str] = field(default_factory=Counter[str])
    examples: list[str] = field(default_factory=list[str])

    def add(self, kind: str, what: str) -> None:
        """Note a loss."""
        self.bad[kind] += 1
        if len(self.examples) < 5:
            self.examples.append(f"{kind}: {what[:60]}")

    def __str__(self) -> str:
        lost = f"{dict(self.bad)} {self.examples}" if self.bad else "0 bad"
        return f"{self.images} images, up to {self.promises} promises: {lost}"


# --- recording ------------------------------------------------------------------------------


def record(folder: Path, *, rounds: int, planted: str = "") -> Recording:
    """Run a daemon twice below `folder`: killed at the end of the first half of the load."""
    calls = folder / "calls"
    calls.mkdir(parents=True)
    promises: list[Promise] = []
    with listening() as target:
        target.opened = True
        flows = {"load": FLOWS.replace("http://TARGET", target.url)}
        made = project(folder / "project", flows, SETTINGS)
        (made / "inbox").mkdir()
        for life in (1, 2):
            launcher = (sys.executable, "-m", "tests.chaos.launcher")
            plant = (*launcher, f"planted:{planted}", "--") if planted else ()
            through = (*STRACE, "-o", str(calls / f"life{life}"), *plant)
            daemon = DaemonProcess(made, env={"PYTHONPATH": str(ROOT)}, through=through)
            try:
                daemon.start()
                promises += _load(daemon, f"{life}", rounds)
            finally:
                _end(daemon, signal.SIGKILL if life == 1 else signal.SIGTERM)
    return Recording(made, recorded(calls), sorted(promises, key=lambda each: each.at))


def _end(daemon: DaemonProcess, how: signal.Signals) -> None:
    """End what the tracer runs: the tracer then ends by itself, and its record is whole."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    for child in map(int, children):
        os.kill(child, how)
    daemon.wait()


def _load(daemon: DaemonProcess, name: str, rounds: int) -> Iterator[Promise]:
    inbox = daemon.project / "inbox"
    for n in range(rounds):
        id = f"{name}-{n}"
        told = daemon.post("/hooks/in", json={"n": n}, headers={"webhook-id": id})
        assert told.status_code == 202, told.text
        yield Promise(time.time(), "event", id)
        event = {"specversion": "1.0", "id": f"big-{id}", "source": "t", "type": "big"}
        body = {**event, "data": {"n": int(name) * 1000 + n}}
        daemon.post("/api/v1/events", json=body, headers=STRUCTURED)
        yield Promise(time.time(), "event", f"big-{id}")
        part = inbox / f".{id}"
        part.write_text(id)
        part.rename(inbox / f"{id}.txt")
        if n % 5 == 4:
            ended = daemon.runs("stored", "succeeded")
            now = time.time()
            yield from (Promise(now, "run", run["id"]) for run in ended)


# --- images ---------------------------------------------------------------------------------


def losses(
    recording: Recording, *, images: int, seed: int, scratch: Path, drop: Drop | None = None
) -> Findings:
    """Cut the power at so many moments; `drop` plants a fault: the calls that never happened."""
    random = Random(seed)
    disk, findings = Disk(recording.root), Findings()
    kept = [call for call in recording.calls if drop is None or not drop(call)]
    cuts = Counter(random.randrange(len(kept)) for _ in range(images))
    promised = 0
    for number, call in enumerate(kept):
        disk.apply(call)
        for _ in range(cuts[number]):
            while promised < len(recording.promises) and (
                recording.promises[promised].at < call.at
            ):
                promised += 1
            image = scratch / "image"
            disk.write_image(image, random)
            _look(image / ".triphammer", recording.promises[:promised], findings)
            shutil.rmtree(image)
    return findings


def _look(data: Path, promises: Sequence[Promise], findings: Findings) -> None:
    findings.images += 1
    findings.promises = max(findings.promises, len(promises))
    database = data / DATABASE
    if not database.exists():
        if promises:
            findings.add("no database", str(len(promises)))
        return
    try:
        with closing(sqlite3.connect(database)) as raw:
            _compare(raw, data / ARTIFACTS, promises, findings)
    except sqlite3.DatabaseError as error:
        findings.add("does not open", str(error))


def _compare(
    raw: sqlite3.Connection, artifacts: Path, promises: Sequence[Promise], findings: Findings
) -> None:
    found = raw.execute("PRAGMA integrity_check").fetchall()
    if found != [("ok",)]:
        findings.add("not whole", str(found[:2]))
    tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master")}
    if "events" not in tables:
        if promises:
            findings.add("no tables", str(len(promises)))
        return
    stored: Mapping[str, set[Any]] = {
        "event": {id for (id,) in raw.execute("SELECT id FROM events")},
        "run": {id for (id,) in raw.execute("SELECT id FROM runs WHERE state = 'succeeded'")},
    }
    for promise in promises:
        if promise.id not in stored[promise.kind]:
            findings.add(f"{promise.kind} lost", promise.id)
    if "tasks_by_artifact" in tables:
        for (name,) in raw.execute(NAMED):
            _check_artifact(artifacts, bytes(name).decode(), findings)


def _check_artifact(folder: Path, digest: str, findings: Findings) -> None:
    file = folder / digest[:2] / digest[2:]
    if not file.exists():
        findings.add("artifact missing", digest)
    elif hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        findings.add("artifact torn", digest)


# --- planted faults -------------------------------------------------------------------------


def is_log_flush(call: Call) -> bool:
    """A flush of the write-ahead log."""
    return "sync" in call.name and call.file.endswith(f"{DATABASE}-wal")


def is_artifact_flush(call: Call) -> bool:
    """A flush of the content of an artifact."""
    return "sync" in call.name and f"/{ARTIFACTS}/" in call.file and "/new-" in call.file


def is_artifact_folder_flush(call: Call) -> bool:
    """A flush of the names of artifacts."""
    return "sync" in call.name and f"/{ARTIFACTS}" in call.file and "/new-" not in call.file


def is_folder_flush(call: Call) -> bool:
    """A flush of the names in the data folder."""
    return "sync" in call.name and call.file.endswith(("/.triphammer", "/project"))


MISSING_FLUSHES: Mapping[str, Drop] = {
    "of the write-ahead log": is_log_flush,
    "of artifacts": is_artifact_flush,
    "of the folders of artifacts": is_artifact_folder_flush,
    "of the data folder": is_folder_flush,
}


def scratch_folder() -> str | None:
    """In memory where there is such a place: images are looked at once."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> None:
    """The long version, by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    given = parser.parse_args()
    say_command("power_loss", given)
    missed = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory(dir=scratch_folder()) as scratch,
    ):
        honest = record(Path(folder) / "honest", rounds=given.rounds)
        kinds = Counter(call.name for call in honest.calls)
        print(f"recorded {dict(kinds)}, {len(honest.promises)} promises", flush=True)
        found = losses(honest, images=given.images, seed=given.seed, scratch=Path(scratch))
        print(f"as it is: {found}", flush=True)
        few = max(1, given.images // 50)
        for name, drop in MISSING_FLUSHES.items():
            seeded = losses(honest, images=few, seed=given.seed, scratch=Path(scratch), drop=drop)
            print(f"without the flush {name}: {seeded}", flush=True)
            missed += not seeded.bad
        lax = record(Path(folder) / "lax", rounds=given.rounds, planted="no_flush")
        off = losses(lax, images=few, seed=given.seed, scratch=Path(scratch))
        print(f"with synchronous=OFF: {off}")
        missed += not off.bad
    sys.exit(bool(found.bad or missed))


if __name__ == "__main__":
    main()
