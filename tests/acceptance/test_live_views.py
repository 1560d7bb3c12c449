"""Lists that keep up, on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.support.terminal import COLORED, Terminal

FLOWS = {
    "all": """
from pathlib import Path

from triphammer import events, flow, task


@task
def wait(fifo: str) -> str:
    print("begun")
    return Path(fifo).read_text()


@flow
def waits(fifo: str):
    return wait(fifo)


@task
def step(n: int) -> int:
    return n


@flow(on=events(type="steps.*"))
def steps():
    return step.map([1, 2, 3])


@task
def broken(n: int) -> int:
    raise ValueError("broken on purpose")


@flow
def breaks():
    return broken(step(1))
"""
}
INTERRUPTED = 130


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


class Piped:
    """A command whose output is a pipe."""

    def __init__(self, daemon: DaemonProcess, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "triphammer", *arguments],
            cwd=daemon.project,
            env={**daemon.env, "TRIPHAMMER_URL": daemon.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def trouble(self) -> str:
        """The next line of standard error."""
        assert self._process.stderr is not None
        return self._process.stderr.readline().rstrip("\n")

    def interrupt(self) -> int:
        """The exit code after Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait()

    def end(self) -> int:
        return self._process.wait()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """Commands under way; none outlives the test."""
    commands: list[Any] = []
    yield commands
    for command in commands:
        command.close()


def on_terminal(daemon: DaemonProcess, opened: list[Any], *arguments: str) -> Terminal:
    env = {**daemon.env, **COLORED, "TRIPHAMMER_URL": daemon.url}
    terminal = Terminal(daemon.project, *arguments, env=env)
    opened.append(terminal)
    return terminal


def in_pipe(daemon: DaemonProcess, opened: list[Any], *arguments: str) -> Piped:
    piped = Piped(daemon, *arguments)
    opened.append(piped)
    return piped


def test_runs_are_watched_on_a_terminal(
    daemon: DaemonProcess, opened: list[Any], tmp_path: Path
) -> None:
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    terminal = on_terminal(daemon, opened, "runs", "--watch")
    terminal.until("RUN")
    begun = daemon.cli("start", "waits", "-p", f"fifo={fifo}", "--json")
    run = json.loads(begun.stdout)["id"]
    terminal.until("waits")
    terminal.until("running")
    assert run not in terminal.seen, "ids are short there"
    fifo.write_text("go")
    terminal.until("succeeded")
    assert terminal.interrupt() == INTERRUPTED


def test_runs_are_watched_in_a_pipe(daemon: DaemonProcess, opened: list[Any]) -> None:
    piped = in_pipe(daemon, opened, "runs", "--watch", "--flow", "breaks", "--state", "failed")
    daemon.cli("start", "steps", "--wait")
    daemon.cli("start", "breaks", "--wait")
    assert piped.line().endswith("breaks failed ValueError: broken: broken on purpose")
    assert piped.interrupt() == INTERRUPTED


def test_runs_are_watched_by_programs(daemon: DaemonProcess, opened: list[Any]) -> None:
    daemon.cli("start", "steps", "--wait")
    piped = in_pipe(daemon, opened, "runs", "--watch", "--json", "--state", "succeeded")
    first = json.loads(piped.line())
    daemon.cli("start", "steps", "--wait")
    second = json.loads(piped.line())
    assert first["id"] != second["id"]
    assert (second["flow"], second["state"], second["result"]) == ("steps", "succeeded", [1, 2, 3])


def test_flows_are_watched(daemon: DaemonProcess, opened: list[Any]) -> None:
    piped = in_pipe(daemon, opened, "flows", "--watch")
    assert {piped.line() for _ in range(3)} == {
        "breaks live: no runs yet",
        "steps live: no runs yet",
        "waits live: no runs yet",
    }
    daemon.cli("pause", "steps")
    assert piped.line() == "steps paused: no runs yet"
    terminal = on_terminal(daemon, opened, "flows", "--watch")
    terminal.until("paused")
    daemon.cli("resume", "steps")
    terminal.until("steps   live")


def test_each_event_is_tailed_once_and_in_order(daemon: DaemonProcess, opened: list[Any]) -> None:
    for number in range(3):
        daemon.cli("emit", "old.thing", "--id", f"old{number}")
    piped = in_pipe(
        daemon, opened, "events", "--tail", "-n", "2", "--source", "triphammer/cli", "--json"
    )
    assert [json.loads(piped.line())["id"] for _ in range(2)] == ["old1", "old2"]
    ids = [f"new{number}" for number in range(150)]
    batch = [
        {"specversion": "1.0", "type": "new.thing", "source": "triphammer/cli", "id": id}
        for id in ids
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    assert daemon.post("/api/v1/events", json=batch, headers=headers).status_code == 202
    assert [json.loads(piped.line())["id"] for _ in ids] == ids
    assert piped.interrupt() == INTERRUPTED


def test_a_tail_goes_on_when_the_daemon_was_away(daemon: DaemonProcess, opened: list[Any]) -> None:
    piped = in_pipe(daemon, opened, "events", "--tail", "--source", "triphammer/cli")
    daemon.cli("emit", "first.thing")
    assert "first.thing triphammer/cli -" in piped.line()
    daemon.stop()
    assert "trying again in" in piped.trouble()
    daemon.start("--port", daemon.url.rpartition(":")[2])
    daemon.cli("emit", "second.thing")
    assert "second.thing" in piped.line()


def test_logs_are_followed_as_they_come(
    daemon: DaemonProcess, opened: list[Any], tmp_path: Path
) -> None:
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    run = json.loads(daemon.cli("start", "waits", "-p", f"fifo={fifo}", "--json").stdout)["id"]
    piped = in_pipe(daemon, opened, "logs", run, "-f")
    assert piped.line().endswith("begun")
    fifo.write_text("go")
    assert piped.end() == 0


def test_a_start_is_waited_for_with_its_tasks(daemon: DaemonProcess, opened: list[Any]) -> None:
    terminal = on_terminal(daemon, opened, "start", "steps", "--wait")
    terminal.until("3 of 3 items")
    assert terminal.end()[0] == 0
    failing = on_terminal(daemon, opened, "start", "breaks", "--wait")
    failing.until("✗ broken failed")
    code, rest = failing.end()
    assert (code, "broken on purpose" in rest) == (1, True)


def test_a_run_here_is_drawn_on_a_terminal(daemon: DaemonProcess, opened: list[Any]) -> None:
    terminal = on_terminal(daemon, opened, "run", "steps")
    terminal.until("3 of 3 items")
    assert terminal.end()[0] == 0


@pytest.mark.parametrize(
    "command", [["runs", "--watch", "--until", "2027-01-01"], ["events", "--tail", "--since", "1"]]
)
def test_what_comes_has_no_past(daemon: DaemonProcess, command: list[str]) -> None:
    done = daemon.cli(*command)
    assert (done.returncode, "leave --since and --until out" in done.stderr) == (2, True)


def test_no_daemon(tmp_path: Path, daemon: DaemonProcess) -> None:
    daemon.stop()
    for command in (["runs", "--watch"], ["events", "--tail"], ["flows"], ["logs", "run_1"]):
        done = daemon.cli(*command)
        assert done.returncode == 1
        assert f"error: no daemon at {daemon.url}: start one with `triphammer serve`" in done.stderr
