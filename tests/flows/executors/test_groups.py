"""Process groups that do not outlive the daemon: the guardian and the sweep."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from triphammer.flows.executors.processes.groups import MARK, Group, Groups, mark_of, sweep
from triphammer.flows.executors.processes.guardian import left_over

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]
KEEPER = """
import os, signal, sys
from triphammer.flows.executors.processes.groups import Groups
groups = Groups(None)
child = groups.start({sleeper!r}, env=os.environ, gone=lambda: None, stdout=2)
print(child.id, groups.guardian, flush=True)
signal.pause()
"""


@pytest.fixture
def groups() -> Iterator[Groups]:
    made = Groups("a-folder-of-this-test")
    yield made
    made.close()


def start(groups: Groups, command: list[str] = SLEEPER) -> tuple[Group, threading.Event]:
    gone = threading.Event()
    return groups.start(command, env=os.environ, gone=gone.set), gone


def until_dead(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([handle], [], [])
    os.close(handle)


def test_the_guardian_reads_what_is_under_way() -> None:
    assert left_over([b"+1\n", b"+2\n", b"-1\n", b"+3\n", b"-9\n"]) == {2, 3}


def test_a_group_is_killed_with_all_that_is_in_it(groups: Groups) -> None:
    child, gone = start(groups)
    child.kill()
    gone.wait()
    assert child.returncode == -signal.SIGKILL
    child.kill()  # its id may be anybody's now: nothing happens
    child.ask_to_end()


def test_when_the_daemon_is_killed_its_groups_and_the_guardian_end(tmp_path: Path) -> None:
    text = KEEPER.format(sleeper=SLEEPER)
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        child, guardian = map(int, daemon.stdout.readline().split())
        daemon.kill()
        until_dead(child)
        until_dead(guardian)


def test_a_guardian_that_was_killed_is_replaced(groups: Groups) -> None:
    first, first_gone = start(groups)
    killed = groups.guardian
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until_dead(killed)
    second, second_gone = start(groups)
    assert groups.guardian not in (None, killed)
    for child, gone in ((first, first_gone), (second, second_gone)):
        child.kill()
        gone.wait()


def test_the_sweep_finds_what_a_folder_left_and_nothing_else(tmp_path: Path) -> None:
    mine, other = mark_of(tmp_path), mark_of(tmp_path / "other")
    env = {**os.environ, MARK: mine}
    left = subprocess.Popen(SLEEPER, env=env, start_new_session=True)
    others = subprocess.Popen(SLEEPER, env={**env, MARK: other})
    try:
        assert sweep(mine) == [left.pid]
        assert left.wait() == -signal.SIGKILL
        assert others.poll() is None
    finally:
        others.kill()
        others.wait()
    assert sweep(mine) == []
