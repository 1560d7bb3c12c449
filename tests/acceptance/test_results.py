"""Results of tasks by name, inside of a task and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

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


@task
def much(n: int) -> str:
    return "x" * 900_000


@flow
def large():
    much.map(list(range(12)))
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


def test_pages_of_tasks_with_large_results_end_early(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    assert daemon.cli("start", "large", "--wait").returncode == 0
    (run,) = daemon.runs("large")
    here = f"/api/v1/runs/{run['id']}"
    for path, key, more in (
        (here, "tasks", {"tasks": "all"}),
        (f"{here}/stored", "items", {}),
    ):
        shown = [[task["name"] for task in page[key]] for page in pages(daemon, path, more)]
        assert [len(page) for page in shown] == [10, 3]
        names = [name for page in shown for name in page]
        assert sorted(names) == sorted(["much", *(f"much[{n}]" for n in range(12))])


def pages(daemon: DaemonProcess, path: str, more: dict[str, Any]) -> Iterator[Any]:
    after: dict[str, Any] = {}
    while True:
        page = daemon.get(path, **more, **after)
        yield page
        if page["next"] is None:
            return
        after = {"after": page["next"]}
