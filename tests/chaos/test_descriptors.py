"""No file can be opened any more, since clients hold connections: it passes when they go."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.probe import Probe
from tests.chaos.senders import Senders, audit
from triphammer.service.store.inspection import inspect

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

FLOWS = {
    "keep": """
from array import array
from triphammer import Event, flow, task, webhook


@task
def measure(event: Event) -> array:
    return array("b", event.id.encode())  # an artifact: a file of its own


@flow(on=webhook("in"))
def keep(event: Event) -> object:
    return measure(event)
"""
}
LIMIT = 120


def test_clients_that_hold_all_connections(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", FLOWS)
    limited = ("bash", "-c", f'ulimit -n {LIMIT}; exec "$@"', "limited")
    with (
        DaemonProcess(folder, through=limited) as daemon,
        closing(Probe(daemon.url)) as probe,
        Senders(f"{daemon.url}/hooks/in", size=50) as senders,
    ):
        process = daemon.pid
        senders.wait_taken(5)
        assert probe.reasons() == ""
        with ExitStack() as idle:
            for _ in range(LIMIT):
                idle.enter_context(closing(connect(daemon.url)))
            assert "too many" in probe.wait_for(bool).lower()
            senders.refused.wait()
        probe.wait_for(lambda reasons: not reasons)
        senders.wait_taken(20)
        senders.stop()
        audit(daemon, senders.acknowledged)
        assert daemon.pid == process
        assert daemon.stop() == 0
    assert inspect(folder / ".triphammer").troubles == ()


def connect(url: str) -> socket.socket:
    """A connection that says nothing."""
    place = urlsplit(url)
    return socket.create_connection((place.hostname, place.port))
