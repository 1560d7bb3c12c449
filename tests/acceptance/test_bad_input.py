"""Each bad input gives one clear message, and nothing else is harmed."""

from __future__ import annotations

import socket
import sqlite3
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, NotUp, cli, project
from tests.support import as_owner_only

GOOD = """
from triphammer import Event, events, flow, github, secret, task, webhook

@task
def one() -> int:
    return 1

@flow(on=webhook("signed", verify=github(secret("HUB"))))
def good(event: Event) -> object:
    return one()
"""
WATCHING = """
from triphammer import Event, files, flow, task

@task
def name(text: str) -> str:
    return text

@flow(on=files("inbox", "*.txt"))
def watching(event: Event) -> object:
    return name(event.data["name"])
"""
CYCLE = """
from triphammer import flow, task

@task
def a() -> int:
    return 1

@flow
def circle() -> None:
    x, y = a(), a()
    x >> y >> x
"""
BROKEN = "from triphammer import flow\n\ndef nothing(:\n    pass\n"
TYPO = """
from triphammer import Event, cron, flow, task

@task
def a() -> int:
    return 1

@flow(on=cron("0 25 * * *"))
def late(event: Event) -> object:
    return a()
"""
AS_VALUE = """
from triphammer import Event, events, flow, task

@task
def a() -> int:
    return 1

@flow(on=events(type="t"))
def wrong(event: Event) -> object:
    if a() > 0:
        return a()
    return None
"""


def test_one_broken_file_leaves_the_others(make_daemon: Serve) -> None:
    daemon = make_daemon(
        {"good": GOOD, "broken": BROKEN, "circle": CYCLE, "typo": TYPO, "wrong": AS_VALUE}
    )
    assert [f["name"] for f in daemon.get("/api/v1/flows")["items"]] == ["good"]
    reason = daemon.get("/readyz")["parts"]["flows"]["reason"]
    assert "broken.py:3" in reason
    checked = cli(daemon.project, "check")
    assert checked.returncode == 1
    lines = {line.split(":")[0].split("/")[-1]: line for line in checked.stderr.splitlines()}
    assert "broken.py:3" in lines["broken.py"]
    assert "circle.py:" in lines["circle.py"]
    assert "a" in lines["circle.py"]
    assert "wrong.py:10" in lines["wrong.py"]
    assert "when=" in lines["wrong.py"]
    assert "25" in checked.stderr
    assert "HUB" in checked.stdout  # the secret that is missing


def test_refused_requests(make_daemon: Serve) -> None:
    daemon = make_daemon({"good": GOOD}, env={"TRIPHAMMER_SECRETS__HUB": "s3cret-of-the-hub"})
    json = {"content-type": "application/json"}
    refused = {
        401: daemon.post("/hooks/signed", json={}),
        404: daemon.post("/hooks/nobody", json={}),
        413: daemon.post("/hooks/signed", content=b"x" * 30_000_000),
    }
    for status, answer in refused.items():
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["detail"]
    bad = daemon.post("/api/v1/events", content=b'{"specversion": ', headers=json)
    assert bad.status_code in (400, 415)
    structured = {"content-type": "application/cloudevents+json"}
    event = {"specversion": "1.0", "id": "1", "type": "t"}
    missing = daemon.post("/api/v1/events", json=event, headers=structured)
    assert (missing.status_code, "source" in missing.json()["detail"]) == (400, True)
    unknown = daemon.post("/api/v1/flows/good/runs", json={"params": {"x": 1}})
    assert (unknown.status_code, "'x'" in unknown.json()["detail"]) == (422, True)
    assert daemon.get("/api/v1/runs")["items"] == []
    assert daemon.get("/api/v1/events")["items"] == []


@contextmanager
def refused(match: str) -> Generator[None]:
    """The daemon does not start, and says why in one line."""
    with pytest.raises(NotUp, match=match) as caught:
        yield
    *_, last = str(caught.value).splitlines()
    assert last.startswith("error: ")
    assert "Traceback" not in str(caught.value)


def test_settings_that_are_wrong_stop_the_start(make_daemon: Serve) -> None:
    with refused(r"triphammer\.toml:2.*did you mean limits.active_runs"):
        make_daemon({"good": GOOD}, "[limits]\nactiv_runs = 3\n")


def test_a_port_in_use_is_named(make_daemon: Serve) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with refused(f"cannot listen on 127.0.0.1:{port}"):
            make_daemon({"good": GOOD}, flags=("--port", str(port)))


def test_a_database_of_a_newer_version_is_refused(make_daemon: Serve) -> None:
    daemon = make_daemon({"good": GOOD})
    daemon.stop()
    with sqlite3.connect(daemon.project / ".triphammer" / "triphammer.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    with refused("schema version 999"):
        daemon.start()


def test_two_daemons_never_share_a_data_folder(make_daemon: Serve) -> None:
    daemon = make_daemon({"good": GOOD})
    second = DaemonProcess(daemon.project)
    with refused(rf"used by another daemon \(process {daemon.pid}\).*--data"):
        second.start()
    second.kill()
    assert daemon.get("/livez") == {"status": "ok"}


def test_a_broker_that_is_not_there_is_named_and_the_rest_works(make_daemon: Serve) -> None:
    topic = WATCHING.replace('files("inbox", "*.txt")', 'topic("orders")')
    topic = topic.replace("import Event, files", "import Event, topic").replace(
        "def watching", "def reading"
    )
    settings = '[kafka]\nbootstrap = "127.0.0.1:1"\n'
    daemon = make_daemon({"topic": topic, "good": GOOD}, settings)
    reason = "cannot reach the Kafka broker 127.0.0.1:1"
    daemon.wait_until(
        lambda: daemon.get("/readyz")["parts"]["sensor kafka:kafka"]["reason"] == reason
    )
    daemon.post("/api/v1/flows/good/runs", json={"params": {}})
    daemon.wait_for_runs("good")


def test_an_unreadable_inbox_is_reported_and_the_rest_goes_on(make_daemon: Serve) -> None:
    through = (sys.executable, str(Path(as_owner_only.__file__)))
    daemon = make_daemon({"good": GOOD, "watching": WATCHING}, through=through)
    daemon.stop()
    inbox = daemon.project / "inbox"
    inbox.chmod(0)
    daemon.start()

    def reason() -> str | None:
        found: str | None = daemon.get("/readyz")["parts"]["sensor files:inbox"]["reason"]
        return found

    assert str(inbox) in daemon.wait_until(reason)
    daemon.post("/api/v1/flows/good/runs", json={"params": {}})
    daemon.wait_for_runs("good")
    inbox.chmod(0o755)
    daemon.wait_until(lambda: reason() is None)
    (inbox / "a.txt").write_text("whole")
    daemon.wait_for_runs("watching")


def test_no_daemon_is_said_in_one_line(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", {})
    done = cli(folder, "runs", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no daemon at http://127.0.0.1:9" in done.stderr


def test_an_event_that_claims_to_come_from_a_run_is_refused(make_daemon: Serve) -> None:
    daemon = make_daemon({"good": GOOD})
    headers = {"content-type": "application/cloudevents+json"}
    event = {"specversion": "1.0", "id": "1", "source": "triphammer/runs", "type": "t"}
    answer = daemon.post("/api/v1/events", json=event, headers=headers)
    assert (answer.status_code, "'triphammer/runs'" in answer.json()["detail"]) == (400, True)
    forged = {**event, "source": "shop", "triphammerlineage": "good"}
    answer = daemon.post("/api/v1/events", json=forged, headers=headers)
    assert (answer.status_code, "'triphammerlineage'" in answer.json()["detail"]) == (400, True)
    assert daemon.get("/api/v1/events")["items"] == []
