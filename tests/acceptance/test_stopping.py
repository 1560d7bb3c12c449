"""SIGTERM drains, a second signal ends at once; nothing acknowledged is lost either way."""

from __future__ import annotations

import signal

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines
from triphammer.service.dispatcher.underway import blamed
from triphammer.service.store.layout import UNDERWAY

FLOWS = {
    "waits": """
import asyncio
from pathlib import Path
from triphammer import Event, flow, task, webhook

@task
async def wait_for(file: str, root: str) -> str:
    with open(root + "/begun.txt", "a") as begun:
        begun.write(file + "\\n")
    while not Path(root, file).exists():
        await asyncio.sleep(0.01)
    return file

@task
def after(file: str, root: str) -> str:
    with open(root + "/after.txt", "a") as begun:
        begun.write(file + "\\n")
    return file

@flow(on=webhook("wait"))
def waiting(event: Event) -> object:
    return after(wait_for(event.data["file"], event.data["root"]), event.data["root"])
""",
}


def begin(daemon: DaemonProcess, file: str) -> str:
    """Start a run whose task waits for `file`; returns once that task has begun."""
    answer = daemon.post("/hooks/wait", json={"file": file, "root": str(daemon.project)})
    assert answer.status_code == 202
    run: str = answer.json()["runs"][0]
    daemon.wait_until(lambda: file in state_file_lines(daemon.project / "begun.txt"))
    return run


def test_what_is_under_way_ends_within_the_grace_time(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    begin(daemon, "go")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: up to 30 s")
    # Who comes meanwhile is asked to come again, not sent away for good.
    for path in ("/hooks/wait", "/api/v1/flows/waiting/runs"):
        answer = daemon.post(path, json={})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), path
    assert daemon.get("/readyz")["parts"]["daemon"]["reason"] == "stopping"
    (daemon.project / "go").touch()
    assert daemon.wait() == 0
    assert not [line for line in daemon.printed if "left:" in line]
    # The task that had begun was journaled; what comes after it begins at the next start.
    assert state_file_lines(daemon.project / "after.txt") == []
    daemon.start()
    daemon.wait_for_runs("waiting")
    assert state_file_lines(daemon.project / "begun.txt") == ["go"]
    assert state_file_lines(daemon.project / "after.txt") == ["go"]


def test_what_is_left_is_said_a_line_each(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, '[server]\ndrain = "200ms"\n')
    runs = {begin(daemon, "one"), begin(daemon, "two")}
    assert daemon.stop() == 0
    left = [line for line in daemon.printed if "left: " in line]
    assert len(left) == 2
    assert {run for run in runs for line in left if run in line} == runs
    assert all("task wait_for" in line for line in left)
    for file in ("one", "two"):
        (daemon.project / file).touch()
    daemon.start()
    daemon.wait_for_runs("waiting", 2)


def test_a_second_signal_ends_at_once_and_loses_nothing(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    begin(daemon, "go")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_line("stopping: up to 30 s")
    daemon.signal(signal.SIGINT)
    daemon.wait_for_line("SIGINT again: ending at once")
    assert daemon.wait() == 128 + signal.SIGINT
    table = daemon.project / ".triphammer" / UNDERWAY
    assert blamed(table.read_bytes(), fatal=True) == (), "this was no crash"
    (daemon.project / "go").touch()
    daemon.start()
    daemon.wait_for_runs("waiting")
    assert state_file_lines(daemon.project / "begun.txt") == ["go", "go"]
