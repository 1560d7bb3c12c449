"""The real daemon with tasks in worker processes: killed workers, a killed daemon."""

from __future__ import annotations

import os
import select
import signal

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

FLOWS = {
    "work": """
import os, signal, subprocess, sys, time
from pathlib import Path
from pydantic import BaseModel
from triphammer import Event, context, events, flow, publish, secret, state, task
import flows._helper as helper

SLEEPER = "import signal; signal.pause()"

class Order(BaseModel):
    n: int

class Thing:
    def __init__(self, n):
        self.n = n

@task(executor="process", retries=2, backoff=0.01)
def waits(root: str, who: str) -> int:
    pid = os.getpid()
    with open(f"{root}/{who}.pids", "a") as file:
        file.write(f"{pid}\\n")
    print("I am", pid)
    while not Path(f"{root}/{who}.go").exists():
        time.sleep(0.01)
    return pid

@flow(on=events(type="wait"))
def waiting(event: Event) -> object:
    return waits(event.data["root"], event.data["who"])

@task(executor="process")
def with_children(root: str) -> None:
    near = subprocess.Popen([sys.executable, "-c", SLEEPER])
    far = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
    Path(root, "pids.new").write_text(f"{os.getpid()} {near.pid} {far.pid}")
    Path(root, "pids.new").rename(Path(root, "pids"))
    print("begun")
    signal.pause()

@flow(on=events(type="children"))
def children(event: Event) -> object:
    return with_children(event.data["root"])

@task(executor="process")
def make(order: Order) -> Thing:
    state["seen"] = state.get("seen", 0) + 1
    publish("made", {"n": order.n})
    assert secret("TOKEN") == "hunter2hunter2"
    print("token", secret("TOKEN"))
    return Thing(order.n + helper.MORE)

@task(executor="process")
async def look(thing: Thing) -> list:
    return [type(thing) is Thing, Thing.__module__.split(".")[0], thing.n, context().event.type]

@task
def compare(thing: Thing, seen: list) -> list:
    return [type(thing) is Thing, Thing.__module__.split(".")[0] == seen[1], *seen[2:]]

@flow(on=events(type="whole"))
def whole(event: Event[Order]) -> object:
    thing = make(event.data)
    return compare(thing, look(thing))
""",
    "_helper": "MORE = 1",
}


def until_dead(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([handle], [], [])
    os.close(handle)


def emit(daemon: DaemonProcess, type: str, data: object) -> None:
    event = {"specversion": "1.0", "id": repr(data), "source": "t", "type": type, "data": data}
    headers = {"content-type": "application/cloudevents+json"}
    assert daemon.post("/api/v1/events", json=event, headers=headers).status_code == 202


def pids(daemon: DaemonProcess, who: str, count: int = 1) -> list[int]:
    """The processes that have begun `who`, once there are so many."""

    def found() -> list[int]:
        lines = state_file_lines(daemon.project / f"{who}.pids")
        return [int(line) for line in lines] if len(lines) >= count else []

    all: list[int] = daemon.wait_until(found)
    return all


def test_a_worker_killed_in_mid_task_is_retried_by_policy_and_harms_no_other(
    make_daemon: Serve,
) -> None:
    daemon = make_daemon(FLOWS, "[limits]\nprocesses = 2\n")
    root = str(daemon.project)
    for who in ("a", "b"):
        emit(daemon, "wait", {"root": root, "who": who})
    [killed], [other] = pids(daemon, "a"), pids(daemon, "b")
    os.kill(killed, signal.SIGKILL)
    _, again = pids(daemon, "a", 2)
    assert again not in (killed, other)
    for who in ("a", "b"):
        (daemon.project / f"{who}.go").touch()
    runs = daemon.wait_for_runs("waiting", 2)
    assert {run["result"] for run in runs} == {again, other}
    assert len(pids(daemon, "b")) == 1
    [mine] = [run for run in runs if run["result"] == again]
    shown = daemon.get(f"/api/v1/runs/{mine['id']}")
    assert [task["attempt"] for task in shown["tasks"]] == [2]
    printed = daemon.cli("logs", mine["id"]).stdout
    assert f"I am {killed}" in printed
    assert f"I am {again}" in printed


def test_a_killed_daemon_leaves_no_process(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    emit(daemon, "children", {"root": str(daemon.project)})
    found = daemon.project / "pids"
    daemon.wait_until(found.exists)
    worker, near, far = map(int, found.read_text().split())
    daemon.kill()
    until_dead(worker)
    until_dead(near)
    daemon.start()  # what has left its group is found by the next start
    until_dead(far)
    daemon.kill()


def test_a_stopped_daemon_leaves_no_process(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, "[server]\ndrain = 0\n")
    emit(daemon, "children", {"root": str(daemon.project)})
    found = daemon.project / "pids"
    daemon.wait_until(found.exists)
    worker, near, far = map(int, found.read_text().split())
    assert daemon.stop() == 0
    until_dead(worker)
    until_dead(near)
    os.kill(far, signal.SIGKILL)


def test_a_process_has_the_runs_version_and_all_that_a_task_may_ask_for(
    make_daemon: Serve,
) -> None:
    daemon = make_daemon(FLOWS, env={"TRIPHAMMER_SECRETS__TOKEN": "hunter2hunter2"})
    # What is on the disk by now is another version, not yet loaded.
    (daemon.project / "flows" / "_helper.py").write_text("MORE = 1000")
    emit(daemon, "whole", {"n": 41})
    [run] = daemon.wait_for_runs("whole")
    assert run["result"] == [True, True, 42, "whole"]
    logs = daemon.cli("logs", run["id"]).stdout
    assert "token ***" in logs
