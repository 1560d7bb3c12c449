"""Clients that deliver webhooks under ids of their own and resend until acknowledged."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from threading import Condition, Event, Thread

import httpx

from tests.acceptance.process import DaemonProcess
from triphammer.service.store.layout import DATABASE


class Senders:
    """`count` clients. `acknowledged`: ids answered with 202; `answers`: how often which status.

    `refused` is set with the first answer that is no 202.
    """

    def __init__(self, url: str, count: int = 4, size: int = 2000) -> None:
        self._url = url
        self._body = {"text": "x" * size}
        self._ending = Event()
        self._lock = Condition()
        self.acknowledged: set[str] = set()
        self.answers: Counter[int] = Counter()
        self.retry_after: set[str | None] = set()
        self.refused = Event()
        self._threads = [Thread(target=self._send, args=(n,), daemon=True) for n in range(count)]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more; what is under way is waited for."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def wait_taken(self, more: int) -> None:
        """Return once so many more have been acknowledged than are now."""
        with self._lock:
            enough = len(self.acknowledged) + more
            self._lock.wait_for(lambda: len(self.acknowledged) >= enough)

    def _send(self, sender: int) -> None:
        number = 0
        with httpx.Client(trust_env=False, timeout=30) as client:
            while not self._ending.is_set():
                id = f"{sender}-{number}"
                if self._deliver(client, id):
                    number += 1
                else:
                    self._ending.wait(0.02)  # a client's patience, not the test's

    def _deliver(self, client: httpx.Client, id: str) -> bool:
        headers = {"webhook-id": id}
        try:
            answer = client.post(self._url, json=self._body, headers=headers)
        except httpx.TransportError:
            self._note(0, None)
            return False
        self._note(answer.status_code, answer.headers.get("retry-after"))
        if answer.status_code != 202:
            return False
        with self._lock:
            self.acknowledged.add(id)
            self._lock.notify_all()
        return True

    def _note(self, status: int, retry_after: str | None) -> None:
        with self._lock:
            self.answers[status] += 1
            if status == 503:
                self.retry_after.add(retry_after)
        if status != 202:
            self.refused.set()


def audit(daemon: DaemonProcess, acknowledged: set[str]) -> None:
    """Each acknowledged id is an event, and its one run succeeds."""

    def all_done() -> bool:
        states = run_states(daemon)
        assert set(states.values()) <= {"queued", "running", "succeeded"}, failures(daemon)
        return set(states.values()) == {"succeeded"} and acknowledged <= states.keys()

    daemon.wait_until(all_done)


def run_states(daemon: DaemonProcess) -> dict[str, str]:
    """By the sender's id: the state of its one run, as the database has it."""
    file = daemon.project / ".triphammer" / DATABASE
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as raw:
        found = raw.execute(
            "SELECT events.id, runs.state FROM events JOIN runs ON runs.event = events.key"
        ).fetchall()
    assert len(found) == len({id for id, _ in found})
    return dict(found)


def failures(daemon: DaemonProcess) -> str:
    """Why runs have failed, and what the daemon said."""
    errors = [f"{run['id']}: {run['error']}" for run in daemon.runs(state="failed")]
    return "\n".join([*errors, *daemon.printed])
