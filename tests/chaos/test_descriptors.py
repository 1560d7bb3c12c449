"""Clients hold as many connections as there are descriptors.

By default they take only half of them, and the places of each other. Where `[limits]` allows
them all, no file can be opened any more, and it passes when they go.
"""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
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


@contextmanager
def limited(folder: Path, settings: str = "") -> Generator[tuple[DaemonProcess, Probe, Senders]]:
    """A daemon with few descriptors that takes webhooks; what it acknowledged, it has kept."""
    made = project(folder / "project", FLOWS, settings)
    through = ("bash", "-c", f'ulimit -n {LIMIT}; exec "$@"', "limited")
    with (
        DaemonProcess(made, through=through) as daemon,
        closing(Probe(daemon.url)) as probe,
        Senders(f"{daemon.url}/hooks/in", size=50) as senders,
    ):
        process = daemon.pid
        senders.wait_taken(5)
        assert probe.reasons() == ""
        yield daemon, probe, senders
        senders.wait_taken(20)
        senders.stop()
        audit(daemon, senders.acknowledged)
        assert daemon.pid == process
        assert daemon.stop() == 0
    assert inspect(made / ".triphammer").troubles == ()


def test_clients_that_may_hold_all_descriptors(tmp_path: Path) -> None:
    with limited(tmp_path, f"[limits]\nconnections = {LIMIT}\n") as (daemon, probe, senders):
        with holding(daemon.url):
            assert "too many" in probe.wait_for(bool).lower()
            senders.refused.wait()
        probe.wait_for(lambda reasons: not reasons)


def test_clients_that_would_hold_all_descriptors(tmp_path: Path) -> None:
    with limited(tmp_path) as (daemon, probe, senders), holding(daemon.url):
        senders.wait_taken(20)
        assert probe.reasons() == ""
        assert set(senders.answers) <= {202, 0}  # 0: closed between two requests


@contextmanager
def holding(url: str) -> Generator[None]:
    """Connections without a word, as many as the daemon has descriptors."""
    with ExitStack() as idle:
        for _ in range(LIMIT):
            idle.enter_context(closing(connect(url)))
        yield


def connect(url: str) -> socket.socket:
    """A connection that says nothing."""
    place = urlsplit(url)
    return socket.create_connection((place.hostname, place.port))
