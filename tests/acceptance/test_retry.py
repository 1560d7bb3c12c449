"""Ended runs that begin again: by command line and API, over a kill and a reload."""

from __future__ import annotations

import json
import signal
from functools import partial
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

FLOW = """
from pathlib import Path
from triphammer import context, events, flow, task

def note(text):
    with Path("notes.txt").open("a") as file:
        file.write(f"{text} {context().attempt}\\n")

@task
def rows() -> list[int]:
    note("rows")
    return [0, 1, 2, 3]

@task
def enrich(row: int) -> int:
    note(f"enrich[{row}]")
    if row % 2 and not Path("mended").exists():
        raise LookupError(f"no such row {row}")
    return row * 10

@task
def load(rows: list[int]) -> str:
    note("load")
    return f"{sum(rows)} by VERSION"

@flow(on=events(type="order"))
def orders():
    return load(enrich.map(rows()))
"""
FILES = """
from pathlib import Path
from triphammer import Event, files, flow, task

@task
def read(path: Path) -> str:
    if not Path("mended").exists():
        raise LookupError("not yet")
    return path.read_text()

@flow(on=files("inbox", "*.txt", ready="rename", done="done", failed="failed"))
def texts(event: Event):
    return read(event.data["path"])
"""
HEADERS = {"content-type": "application/cloudevents+json"}


def order(daemon: DaemonProcess, id: str = "1") -> None:
    event = {"specversion": "1.0", "id": id, "source": "t", "type": "order", "data": None}
    assert daemon.post("/api/v1/events", json=event, headers=HEADERS).status_code == 202


def failed(daemon: DaemonProcess, flow: str = "orders") -> str:
    (run,) = daemon.wait_for_runs(flow, 1, "failed")
    return str(run["id"])


def notes(daemon: DaemonProcess) -> list[str]:
    return sorted(state_file_lines(daemon.project / "notes.txt"))


def retry(daemon: DaemonProcess, run: str, body: Any = None, **headers: str) -> Any:
    return daemon.post(f"/api/v1/runs/{run}/retry", json=body, headers=headers)


def test_only_what_failed_over_a_kill_and_a_reload(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOW.replace("VERSION", "v1")})
    order(daemon)
    run = failed(daemon)
    daemon.kill()
    daemon.start()
    daemon.project.joinpath("flows", "orders.py").write_text(FLOW.replace("VERSION", "v2"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded")
    (daemon.project / "mended").touch()
    told = daemon.cli("retry", run[:-4], "--failed")
    assert (told.returncode, told.stdout.split()[0]) == (0, f"{run}:"), told.stderr
    (ended,) = daemon.wait_for_runs("orders")
    assert (ended["id"], ended["result"]) == (run, "60 by v1"), "on the version it began with"
    first = [f"enrich[{n}] 1" for n in range(4)]
    assert notes(daemon) == sorted([*first, "enrich[1] 2", "enrich[3] 2", "load 1", "rows 1"])
    shown = daemon.cli("show", run).stdout
    assert "what failed" in shown
    assert "(cli)" in shown
    assert json.loads(daemon.cli("deadletters", "--json").stdout)["items"] == []


def test_whole_from_a_task_and_from_an_item(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOW})
    (daemon.project / "mended").touch()
    order(daemon)
    (run,) = (r["id"] for r in daemon.wait_for_runs("orders"))
    for number, (body, again) in enumerate(
        [
            ({"from": "load"}, {"load"}),
            ({"from": "enrich[2]"}, {"enrich[2]", "load"}),
            (None, {"rows", "load", *(f"enrich[{n}]" for n in range(4))}),
        ],
        start=2,
    ):
        before = set(notes(daemon))
        answer = retry(daemon, run, body)
        assert answer.status_code == 200, answer.text
        daemon.wait_until(partial(ends, daemon, run, number))
        assert {line.split()[0] for line in set(notes(daemon)) - before} == again
    assert len(notes(daemon)) == len(set(notes(daemon))), "no attempt twice"
    operations = daemon.get(f"/api/v1/runs/{run}")["operations"]
    assert [(o["by"], o["what"], o["detail"]) for o in operations] == [
        ("api", "retry", "all from load on"),
        ("api", "retry", "all from enrich[2] on"),
        ("api", "retry", "all"),
    ]


def ends(daemon: DaemonProcess, run: str, lives: int) -> bool:
    shown = daemon.get(f"/api/v1/runs/{run}")
    return shown["state"] == "succeeded" and len(shown["operations"]) == lives - 1


def test_what_is_refused_says_why(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOW})
    order(daemon)
    run = failed(daemon)
    unknown = daemon.cli("retry", run, "--from", "enrch")
    assert unknown.returncode == 1
    assert "the run has no task 'enrch'; did you mean 'enrich'?" in unknown.stderr
    assert retry(daemon, run, {"from": "enrch"}).status_code == 404
    assert retry(daemon, "run_none").status_code == 404
    assert retry(daemon, run, {"since": "load"}).status_code == 422
    daemon.cli("pause", "orders")
    for _ in range(2):
        assert retry(daemon, run, **{"Idempotency-Key": "k"}).status_code == 200
    again = retry(daemon, run)
    assert again.status_code == 409
    assert "has not ended: it is queued" in again.json()["detail"]
    daemon.cli("resume", "orders")
    failed(daemon)
    (redriven,) = daemon.get("/api/v1/runs", state="failed")["items"]
    daemon.cli("deadletters", "redrive", redriven["id"])
    refused = daemon.cli("retry", run)
    assert "was redriven: retry the run in its place, run_" in refused.stderr


def test_a_file_is_read_where_it_lies_and_stays_there(make_daemon: Serve) -> None:
    daemon = make_daemon({"texts": FILES})
    inbox = Path(daemon.project) / "inbox"
    (inbox / "a.tmp").write_text("hello")
    (inbox / "a.tmp").rename(inbox / "a.txt")
    run = failed(daemon, "texts")
    daemon.wait_until(lambda: (inbox / "failed" / "a.txt").exists())
    (daemon.project / "mended").touch()
    daemon.cli("retry", run)
    (ended,) = daemon.wait_for_runs("texts")
    assert ended["result"] == "hello"
    assert (inbox / "failed" / "a.txt").exists()
