"""Compares what the sources and receivers know with what the daemon's database says."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.chaos.load import Ledger

Task = tuple[str, str]
TICK = timedelta(milliseconds=250)


class Effects:
    """Which tasks of which runs have begun, in which life of the daemon, and when that was
    one too many: after a start had found them journaled."""

    def __init__(self, project: Path) -> None:
        self._file = project / "effects.txt"
        self._database = project / ".triphammer" / "triphammer.db"
        self._read = 0
        self._open: set[Task] = set()
        self._journaled: set[Task] = set()
        self.begun = 0
        self.runs: set[str] = set()
        self.repeated: Counter[Task] = Counter()

    def after_a_life(self) -> None:
        """The daemon is dead: note what it began, and what of it the journal has."""
        begun = self._lines()
        self.begun += len(begun)
        self.runs.update(run for run, _ in begun)
        self.repeated.update(task for task in begun if task in self._journaled)
        self._open.update(begun)
        done = set(self._succeeded(self._open))
        self._journaled |= done
        self._open -= done

    def _lines(self) -> list[Task]:
        if not self._file.exists():
            return []
        with self._file.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        self._read += len(text)
        return [(line.split()[0], line.split()[1]) for line in text.decode().splitlines()]

    def _succeeded(self, tasks: Iterable[Task]) -> list[Task]:
        if not self._database.exists():
            return []
        asked = json.dumps(sorted({run for run, _ in tasks}))
        with closing(opened(self._database)) as database:
            return database.execute(
                "SELECT runs.id, tasks.name FROM json_each(?) AS asked"
                " JOIN runs ON runs.id = asked.value JOIN tasks ON tasks.run = runs.seq"
                " WHERE tasks.state = 'succeeded'",
                (asked,),
            ).fetchall()


def opened(file: Path) -> sqlite3.Connection:
    """The database as it lies there, for reading."""
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


class Audit:
    """Each `check` is a promise: what it returns are the cases in which it was broken."""

    def __init__(self, project: Path, ledger: Ledger) -> None:
        self._project = project
        self._ledger = ledger
        self._database = opened(project / ".triphammer" / "triphammer.db")

    def _all(self, sql: str, *values: Any) -> list[Any]:
        return self._database.execute(sql, values).fetchall()

    def close(self) -> None:
        self._database.close()

    def integrity(self) -> Sequence[Any]:
        """The database is whole."""
        return [row for row in self._all("PRAGMA integrity_check") if row != ("ok",)]

    def lost(self) -> Sequence[str]:
        """I1: what was acknowledged is stored, as the event that the answer named."""
        stored = dict(self._all("SELECT id, key FROM events"))
        told = {**self._ledger.webhooks, **self._ledger.posted}
        lost = [id for id, key in told.items() if stored.get(id) != key]
        return lost + self._lost_records() + self._lost_files()

    def _lost_records(self) -> list[str]:
        times = Counter(self._data("triphammer.kafka.record", "$.id"))
        return [id for id in self._ledger.records if times[id] != 1]

    def _lost_files(self) -> list[str]:
        times = Counter(self._data("triphammer.file.created", "$.name"))
        return [name for name in self._ledger.files if times[name] != 1]

    def _data(self, type: str, path: str) -> list[str]:
        sql = "SELECT json_extract(data, ?) FROM events WHERE type = ?"
        return [row[0] for row in self._all(sql, path, type)]

    def duplicate_events(self) -> Sequence[Any]:
        """Each identity is one event."""
        return self._all("SELECT source, id FROM events GROUP BY source, id HAVING count(*) > 1")

    def phantoms(self, begun: set[str]) -> Sequence[str]:
        """What has begun is stored: nothing begins before its commit."""
        return sorted(begun - {id for (id,) in self._all("SELECT id FROM runs")})

    def duplicate_runs(self) -> Sequence[Any]:
        """I2: each event has one run of its flow, not two and not none."""
        return self._all(
            "SELECT events.id, count(runs.id) FROM events"
            " LEFT JOIN runs ON runs.event = events.key"
            " GROUP BY events.key HAVING count(runs.id) != 1"
        )

    def unfinished(self) -> Sequence[Any]:
        """All of them have ended."""
        return self._all("SELECT id FROM runs WHERE state IN ('queued', 'running', 'waiting')")

    def failed(self) -> Sequence[Any]:
        """They have ended well."""
        return self._all(
            "SELECT id, flow, state, error FROM runs"
            " WHERE state NOT IN ('queued', 'running', 'waiting', 'succeeded')"
        )

    def undecided(self) -> Sequence[Any]:
        """I6: each event has exactly one disposition for the flow that it is for."""
        return self._all(
            "SELECT events.id, count(dispositions.seq) FROM events"
            " LEFT JOIN dispositions ON dispositions.event = events.key"
            " GROUP BY events.key HAVING count(dispositions.seq) != 1"
        )

    def undelivered(self, webhooks: Sequence[tuple[str, str]]) -> Sequence[Any]:
        """I4: each message has arrived, under one id; `webhooks` are (id, told event)."""
        return self._missing("http%", webhooks)

    def unpublished(self, messages: Sequence[tuple[str, str]]) -> Sequence[Any]:
        """I4 for Kafka: `messages` are (id, told event)."""
        return self._missing("out-%", messages)

    def _missing(self, target: str, received: Sequence[tuple[str, str]]) -> Sequence[Any]:
        rows = self._all("SELECT id, state FROM outbox WHERE target LIKE ?", target)
        arrived = {id for id, _ in received}
        ids: dict[str, set[str]] = {}
        for id, event in received:
            ids.setdefault(event, set()).add(id)
        told = {id for id in self._ledger.posted if id.startswith("told-")}
        return [
            *[row for row in rows if row[1] != "delivered" or row[0] not in arrived],
            *[(event, names) for event, names in ids.items() if len(names) != 1],
            *[(event, "never") for event in told if event not in ids],
        ]

    def unmoved(self) -> Sequence[str]:
        """Each file whose run has ended is in its folder, as it was dropped, and only there,
        and was read whole."""
        read = self._results("dropped")
        dropped = {name: self._ledger.files[name] for name in self._ended_files()}
        return [name for name, digest in dropped.items() if digest not in read or self._torn(name)]

    def _torn(self, name: str) -> bool:
        """Whether a file is not only in its folder, and as it was."""
        inbox = self._project / "inbox"
        moved = inbox / "done" / name
        if not moved.is_file() or (inbox / name).exists():
            return True
        return hashlib.sha256(moved.read_bytes()).hexdigest() != self._ledger.files[name]

    def _ended_files(self) -> set[str]:
        sql = (
            "SELECT json_extract(data, '$.name') FROM events JOIN runs ON runs.event = events.key"
            " WHERE flow = 'dropped' AND state = 'succeeded'"
        )
        return {name for (name,) in self._all(sql)}

    def _results(self, flow: str) -> set[str]:
        sql = "SELECT result FROM runs WHERE flow = ?"
        return {text for (body,) in self._all(sql, flow) if (text := _text(body))}

    def missed_ticks(self) -> Sequence[Any]:
        """Every due time of the timer has fired, none twice: they are evenly apart."""
        dues = sorted(map(datetime.fromisoformat, self._data("triphammer.timer.fired", "$.due")))
        return [(a, b) for a, b in pairwise(dues) if b - a != TICK]

    def counts(self) -> Mapping[str, int]:
        """How much there was of what."""
        return {
            **dict(self._all("SELECT type, count(*) FROM events GROUP BY type")),
            "runs": self._all("SELECT count(*) FROM runs")[0][0],
            "tasks": self._all("SELECT count(*) FROM tasks")[0][0],
            "messages": self._all("SELECT count(*) FROM outbox")[0][0],
        }


def _text(body: bytes | None) -> str:
    """The 64 hexadecimal digits within an encoded result."""
    if body is None:
        return ""
    found = [word for word in body.decode("utf-8", "replace").split('"') if len(word) == 64]
    return found[0] if found else ""
