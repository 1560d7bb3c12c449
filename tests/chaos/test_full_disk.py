"""The disk of the data folder fills up, turns read-only or has no descriptors left, under load.

Nothing that was acknowledged is lost, `/readyz` says why, and the same process goes on by
itself once the trouble is over.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.mounts import SmallDisk, small_disk
from tests.chaos.probe import Probe
from tests.chaos.senders import Senders, audit
from triphammer.service.store.opening import DATABASE

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

FLOWS = {
    "keep": """
from triphammer import Event, flow, task, webhook


@task
def measure(event: Event) -> int:
    print(event.data["text"])
    return len(event.data["text"])


@flow(on=webhook("in"))
def keep(event: Event) -> object:
    return measure(event)
"""
}
AT_ONCE = 1.0
"""Seconds within which `/readyz` must tell: the one time that is promised here."""
DATA = ".triphammer"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = project(tmp_path / "project", FLOWS)
    with small_disk(folder / DATA) as made:
        made.reserve(5_000_000)
        yield made


def test_the_same_process_goes_on_when_there_is_room_again(disk: SmallDisk) -> None:
    with DaemonProcess(disk.folder.parent) as daemon, closing(Probe(daemon.url)) as probe:
        process = daemon.pid
        with Senders(f"{daemon.url}/hooks/in") as senders:
            senders.refused.wait()
            began = time.monotonic()
            assert "full" in probe.wait_for(bool)
            assert time.monotonic() - began < AT_ONCE
            # Only while the store is away: with open files nothing becomes read-only.
            disk.protect()
            probe.wait_for(lambda reasons: "Read-only" in reasons)
            disk.unprotect()
            probe.wait_for(lambda reasons: "full" in reasons or "No space" in reasons)
            disk.free()
            probe.wait_for(lambda reasons: not reasons)
            senders.wait_taken(20)
        assert set(senders.answers) == {202, 503}, senders.answers
        assert None not in senders.retry_after
        audit(daemon, senders.acknowledged)
        assert daemon.pid == process
        assert daemon.stop() == 0
        assert sum("is up:" in line for line in daemon.printed) >= 2
        assert integrity(disk.folder / DATABASE) == "ok"


def integrity(file: Path) -> str:
    with closing(sqlite3.connect(file)) as raw:
        return str(raw.execute("PRAGMA integrity_check").fetchone()[0])
