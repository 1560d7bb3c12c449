"""The real daemon on a real Dask cluster: killed and started again while a task runs there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines
from tests.support.dask_cluster import DaskCluster, dask_cluster, published

FLOWS = {
    "far": """
import os, time
from pathlib import Path
from triphammer import Event, context, events, flow, publish, secret, state, task
import flows._helper as helper

class Thing:
    def __init__(self, n):
        self.n = n

@task(executor="dask", retries=1, backoff=0.01)
def waits(root: str, who: str) -> Thing:
    with open(f"{root}/{who}.begun", "a") as file:
        file.write(f"{os.getpid()} {context().attempt}\\n")
    print("begun in", os.getpid())
    while not Path(f"{root}/{who}.go").exists():
        time.sleep(0.01)
    return Thing(os.getpid())

@task
def open_it(thing: Thing) -> list:
    return [thing.n, helper.MORE]

@flow(on=events(type="wait"))
def far(event: Event) -> object:
    return open_it(waits(event.data["root"], event.data["who"]))

@task(executor="dask", retries=3, backoff=0.01)
async def whole() -> list:
    state["seen"] = state.get("seen", 0) + 1
    publish("made", 1)
    print("token", secret("TOKEN"))
    return [secret("TOKEN") == "hunter2hunter2", context().event.type]

@flow(on=events(type="whole"))
def asks(event: Event) -> object:
    return whole()
""",
    "_helper": "MORE = 1",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    with dask_cluster() as running:
        yield running


def settings(cluster: DaskCluster) -> str:
    return f'[connections.dask]\naddress = "{cluster.address}"\n'


def emit(daemon: DaemonProcess, type: str, data: object) -> None:
    event = {"specversion": "1.0", "id": repr(data), "source": "t", "type": type, "data": data}
    headers = {"content-type": "application/cloudevents+json"}
    assert daemon.post("/api/v1/events", json=event, headers=headers).status_code == 202


def begun(daemon: DaemonProcess, who: str, count: int = 1) -> list[list[int]]:
    """Process and attempt of each beginning of `who`, once there are so many."""

    def found() -> list[list[int]]:
        lines = state_file_lines(daemon.project / f"{who}.begun")
        return [[int(n) for n in line.split()] for line in lines] if len(lines) >= count else []

    all: list[list[int]] = daemon.wait_until(found)
    return all


def test_a_killed_daemon_takes_the_result_of_what_went_on_without_it(
    make_daemon: Serve, cluster: DaskCluster
) -> None:
    daemon = make_daemon(FLOWS, settings(cluster))
    for who in ("a", "b"):
        emit(daemon, "wait", {"root": str(daemon.project), "who": who})
    [[first, _]], [[second, _]] = begun(daemon, "a"), begun(daemon, "b")
    while len(published(cluster.address)) < 2:
        pass
    daemon.kill()
    (daemon.project / "a.go").touch()  # ends while there is no daemon
    daemon.start()
    daemon.wait_for_runs("far", 1)
    (daemon.project / "b.go").touch()
    runs = daemon.wait_for_runs("far", 2)
    assert {tuple(run["result"]) for run in runs} == {(first, 1), (second, 1)}
    assert [len(begun(daemon, who)) for who in ("a", "b")] == [1, 1]


def test_a_killed_worker_is_a_failed_attempt_tried_again_by_policy(
    make_daemon: Serve, cluster: DaskCluster
) -> None:
    daemon = make_daemon(FLOWS, settings(cluster))
    emit(daemon, "wait", {"root": str(daemon.project), "who": "c"})
    [[killed, _]] = begun(daemon, "c")
    cluster.kill_worker(killed)
    [[_, first], [again, second]] = begun(daemon, "c", 2)
    assert (first, second) == (1, 2)
    assert again != killed
    (daemon.project / "c.go").touch()
    [run] = daemon.wait_for_runs("far")
    assert run["result"] == [again, 1]


def test_a_task_there_may_ask_for_all_that_it_may_here(
    make_daemon: Serve, cluster: DaskCluster
) -> None:
    token = {"TRIPHAMMER_SECRETS__TOKEN": "hunter2hunter2"}
    daemon = make_daemon(FLOWS, settings(cluster), env=token)
    emit(daemon, "whole", {})
    [run] = daemon.wait_for_runs("asks")
    assert run["result"] == [True, "whole"]
    assert "token ***" in daemon.cli("logs", run["id"]).stdout
    assert daemon.get("/readyz")["parts"]["executor dask"]["ok"]


def test_without_a_connection_the_task_fails_and_says_what_to_do(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    emit(daemon, "whole", {})
    [run] = daemon.wait_for_runs("asks", state="failed")
    assert "add [connections.dask] to triphammer.toml" in run["error"]["message"]
    assert daemon.get(f"/api/v1/runs/{run['id']}")["tasks"][0]["attempt"] == 1
