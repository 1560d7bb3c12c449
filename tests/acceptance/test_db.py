"""`triphammer db` beside a daemon that runs: check, backup, prune, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, cli, project

FLOWS = {
    "big": """
from triphammer import Event, events, flow, task

@task
def make(event: Event) -> str:
    print("making")
    return "x" * 1_000_000

@flow(on=events(type="go"))
def big(event: Event) -> object:
    return make(event)
""",
}
LAST_MONTH = 31 * 86_400_000_000


def start(daemon: DaemonProcess, count: int) -> None:
    for _ in range(count):
        assert daemon.cli("emit", "go").returncode == 0


def age(daemon: DaemonProcess) -> None:
    """Let everything in the stopped daemon's database have happened a month earlier."""
    with closing(sqlite3.connect(daemon.project / ".triphammer" / "triphammer.db")) as raw, raw:
        raw.execute("UPDATE events SET received_at = received_at - ?", (LAST_MONTH,))
        raw.execute("UPDATE runs SET finished_at = finished_at - ?", (LAST_MONTH,))


def test_a_backup_is_taken_online_and_served_from(make_daemon: Serve, tmp_path: Path) -> None:
    daemon = make_daemon(FLOWS)
    start(daemon, 2)
    [newest, _] = daemon.wait_for_runs("big", 2)
    done = daemon.cli("db", "backup", "../copy", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["missing"] == 0
    start(daemon, 1)
    daemon.wait_for_runs("big", 3)
    daemon.stop()
    daemon.start("--port", "0", "--data", str(tmp_path / "copy"))
    [run, _] = daemon.runs("big")
    assert (run["id"], run["result"]["size"]) == (newest["id"], 1_000_002)
    assert daemon.cli("db", "check", "--data", "../copy").returncode == 0


def test_a_daemon_that_runs_is_checked_and_prunes_when_asked(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    start(daemon, 3)
    daemon.wait_for_runs("big", 3)
    daemon.stop()
    age(daemon)
    daemon.start()
    start(daemon, 1)
    daemon.wait_for_runs("big", 4)
    checked = daemon.cli("db", "check")
    assert checked.returncode == 0, checked.stderr
    would = json.loads(daemon.cli("db", "prune", "--dry-run", "--json").stdout)
    assert (would["events"], would["runs"]) == (3, 3)
    assert len(daemon.runs("big")) == 4
    done = json.loads(daemon.cli("db", "prune", "--json").stdout)
    assert (done["events"], done["runs"], done["lines"]) == (3, 3, 3)
    assert len(daemon.runs("big")) == 1
    checked = daemon.cli("db", "check", "--json")
    assert checked.returncode == 0
    assert json.loads(checked.stdout)["counts"]["runs"] == 1
    refused = daemon.cli("db", "migrate")
    assert refused.stdout.endswith("nothing to do\n")


def test_the_daemon_of_another_folder_prunes_nothing(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    start(daemon, 1)
    daemon.wait_for_runs("big", 1)
    refused = daemon.post("/api/v1/prune?folder=/somewhere/else")
    assert refused.status_code == 409
    assert "not /somewhere/else" in refused.json()["detail"]


def test_without_a_daemon_the_folder_is_pruned_here(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    start(daemon, 2)
    daemon.wait_for_runs("big", 2)
    daemon.stop()
    age(daemon)
    done = daemon.cli("db", "prune")
    assert done.stdout.startswith("removed: 1 events, 1 runs"), done.stderr


def test_trouble_is_exit_code_1(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    start(daemon, 1)
    daemon.wait_for_runs("big", 1)
    [artifact] = (daemon.project / ".triphammer" / "artifacts").glob("*/*")
    artifact.unlink()
    checked = daemon.cli("db", "check")
    assert checked.returncode == 1
    assert "is missing" in checked.stderr


def test_no_folder_is_one_clear_line(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", {})
    for verb in (["check"], ["backup", "copy"], ["prune"], ["migrate"]):
        done = cli(folder, "db", *verb)
        assert done.returncode == 1
        assert "no database" in done.stderr
        assert "Traceback" not in done.stderr
