"""The disk of the data folder fills up, turns read-only or has no descriptors left, under load.

Nothing that was acknowledged is lost, `/readyz` says why, and the same process goes on by
itself once the trouble is over.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.mounts import SmallDisk, small_disk
from tests.chaos.probe import Probe
from tests.chaos.senders import Senders, audit
from tests.support.systemd import Listener
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


def test_a_start_on_a_full_disk_waits_for_room(disk: SmallDisk) -> None:
    with (disk.folder / "more").open("ab", buffering=0) as more:
        while fits(more.fileno()):
            pass
    daemon = DaemonProcess(disk.folder.parent)
    port = free_port()
    starting = Thread(target=daemon.start, args=("--port", str(port)), daemon=True)
    starting.start()
    with closing(Probe(f"http://127.0.0.1:{port}")) as probe:
        probe.wait_answered()
        probe.wait_for(lambda reasons: "No space" in reasons)
        disk.free()
        probe.wait_for(lambda reasons: not reasons)
    starting.join()
    assert daemon.stop() == 0
    assert integrity(disk.folder / DATABASE) == "ok"


def fits(handle: int) -> bool:
    """Whether one more byte did."""
    try:
        return os.write(handle, bytes(65536)) > 0
    except OSError:
        return False


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_the_watchdog_is_fed_while_the_disk_is_full(disk: SmallDisk) -> None:
    """A restart brings no room: systemd must not kill a daemon that waits for it."""
    with Listener() as systemd:
        heard = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "400000"}
        with DaemonProcess(disk.folder.parent, env=heard) as daemon:
            systemd.wait_for("READY")
            with Senders(f"{daemon.url}/hooks/in") as senders:
                senders.refused.wait()
            while "the store failed" not in systemd.wait_for("STATUS")["STATUS"]:
                pass
            for _ in range(5):
                systemd.wait_for("WATCHDOG")
            disk.free()
            while not systemd.wait_for("READY")["STATUS"].startswith("serving 1 flows"):
                pass
            systemd.wait_for("WATCHDOG")
            audit(daemon, senders.acknowledged)
            assert daemon.stop() == 0


def integrity(file: Path) -> str:
    with closing(sqlite3.connect(file)) as raw:
        return str(raw.execute("PRAGMA integrity_check").fetchone()[0])
