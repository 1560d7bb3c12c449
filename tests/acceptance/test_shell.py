"""`shell` in the daemon: what it runs does not outlive the daemon."""

from __future__ import annotations

import signal

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.test_processes import emit, pids, until_dead

FLOWS = {
    "commands": """
from triphammer import events, flow, shell

LINE = "sleep 600 & printf '%s\\\\n' $$ $! > it.pids; wait"

@flow(on=events(type="sleep"))
def sleeping():
    return shell("bash", "-c", LINE)
"""
}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_ends_with_the_daemon(make_daemon: Serve, how: signal.Signals) -> None:
    daemon = make_daemon(FLOWS, "[server]\ndrain = 0\n")
    emit(daemon, "sleep", {})
    found = pids(daemon, "it", 2)
    daemon.signal(how)
    daemon.wait()
    for pid in found:
        until_dead(pid)
