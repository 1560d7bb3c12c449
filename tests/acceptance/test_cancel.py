"""Runs that are cancelled while their tasks will not end: killed, or given up and named."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.acceptance.test_retry import order

DEAF = """
import asyncio, os, signal, threading, time
from pathlib import Path
from triphammer import events, flow, shell, task

def note(name):
    Path(f"{name}.pid").write_text(str(os.getpid()))
    print("begun")  # whoever waits hears of it

@task
async def coroutine() -> None:
    note("coroutine")
    while not Path("enough").exists():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            pass

@task
def thread() -> None:
    note("thread")
    while not Path("enough").exists():
        time.sleep(0.05)

@task(executor="process")
def process() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("process")
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

@task
def tidy() -> None:
    note("tidy")

@flow(on=events(type="order"), teardown=tidy)
def orders():
    coroutine()
    thread()
    process()
    shell("bash", "-c", "trap '' TERM; echo $$ | tee shell.pid; while :; do sleep 0.05; done",
          grace="100ms")
"""
KINDS = ("coroutine", "thread", "process", "shell")


def begun(daemon: DaemonProcess) -> str:
    """The run, once all that will not end has begun."""
    daemon.wait_until(lambda: all((daemon.project / f"{k}.pid").exists() for k in KINDS))
    (run,) = daemon.runs("orders")
    return str(run["id"])


def shown(daemon: DaemonProcess, run: str) -> Any:
    return json.loads(daemon.cli("show", run, "--json").stdout)


def lives(file: Path) -> bool:
    with suppress(ProcessLookupError, ValueError):
        os.kill(int(file.read_text()), 0)
        return True
    return False


def test_what_ignores_it_is_killed_or_named(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": DEAF}, '[limits]\ngrace = "300ms"\n')
    order(daemon)
    run = begun(daemon)
    assert daemon.cli("cancel", run).returncode == 0
    daemon.wait_for_runs("orders", 1, "cancelled")
    assert (daemon.project / "tidy.pid").exists(), "its teardown has run"
    named = {daemon.wait_for_line("was to end and goes on").split("task ")[1] for _ in range(2)}
    assert {text.split()[0] for text in named} == {"coroutine", "thread"}
    assert sorted(shown(daemon, run)["still_running"]) == ["coroutine", "thread"]
    assert "still running" in daemon.cli("show", run).stdout
    assert "triphammer_attempts_abandoned 2" in daemon.text("/metrics")
    daemon.cli("cancel", run)
    while any(lives(daemon.project / f"{kind}.pid") for kind in ("process", "shell")):
        pass
    (daemon.project / "enough").touch()
    for _ in range(2):
        daemon.wait_for_line("which was left alone, has ended")
    assert shown(daemon, run)["still_running"] == []
    assert shown(daemon, run)["operations"][0]["what"] == "cancel"


def test_at_once_no_teardown_runs(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": DEAF}, '[limits]\ngrace = "300ms"\n')
    order(daemon)
    run = begun(daemon)
    assert daemon.cli("cancel", run, "--now").returncode == 0
    daemon.wait_for_runs("orders", 1, "cancelled")
    assert not (daemon.project / "tidy.pid").exists()
    (daemon.project / "enough").touch()
    told = daemon.cli("cancel", run)
    assert "has already ended: it is cancelled" in told.stderr
