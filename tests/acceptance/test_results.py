"""Results of tasks by name, inside of a task and over HTTP."""

from __future__ import annotations

from tests.acceptance.conftest import Serve

FLOWS = {
    "named": """
from triphammer import context, flow, group, task


@task
def give(n: int) -> dict:
    return {"n": n}


@task
def double(n: int) -> int:
    return 2 * n


@task
def look() -> list:
    return [context().results["give"], context().results["double"]]


@flow
def named():
    with group("first") as first:
        give(1)
    doubled = double.map([1, 2, 3])
    looked = look()
    elsewhere = look.options(executor="process", name="elsewhere")()
    [first, doubled] >> looked
    [first, doubled] >> elsewhere
    return [looked, elsewhere]
""",
}


def test_results_by_name(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    done = daemon.cli("start", "named", "--wait")
    assert done.returncode == 0, done.stderr
    (run,) = daemon.runs("named")
    assert run["result"] == [[{"n": 1}, [2, 4, 6]]] * 2
    tasks = f"/api/v1/runs/{run['id']}/tasks"
    assert daemon.get(f"{tasks}/first.give/result") == {
        "task": "first.give",
        "state": "succeeded",
        "result": {"n": 1},
    }
    assert daemon.get(f"{tasks}/double/result")["result"] == [2, 4, 6]
    assert daemon.get(f"{tasks}/double[2]/result")["result"] == 6
    missing = daemon.get(f"{tasks}/first.giv/result")
    assert (missing["status"], "did you mean 'first.give'" in missing["detail"]) == (404, True)
    assert daemon.get("/api/v1/runs/run_none/tasks/x/result")["status"] == 404
