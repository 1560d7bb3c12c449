"""The command line against the real daemon: what tells at a glance, and what the shell asks."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

FLOWS = {
    "all": """
from triphammer import artifact, every, events, flow, send_webhook, task, webhook


@task
def step(n: int) -> int:
    artifact(f"file {n}", name="n.txt")
    return n


@flow(on=events(type="steps.*"))
def steps(n: int = 2):
    return step.map([1, n])


@flow
def sends():
    send_webhook("http://127.0.0.1:9/away", {"total": 3})


@flow(on=webhook("orders"))
def hooked(event):
    return step(1)


@flow(on=every("1h"))
def hourly():
    step(1)


@flow(on=webhook("counts"))
def counted(event):
    return step(event.data["n"])
"""
}


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


def told(daemon: DaemonProcess, *arguments: str) -> Any:
    """What a command says to programs."""
    done = daemon.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def said(daemon: DaemonProcess, *arguments: str) -> str:
    """What a command says to people."""
    done = daemon.cli(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_runs_have_made(daemon: DaemonProcess) -> None:
    first = told(daemon, "start", "steps", "--wait", "-p", "n=5")["id"]
    second = told(daemon, "start", "steps", "--wait")["id"]
    assert json.loads(said(daemon, "result", first[:24], "step[1]")) == 5
    assert told(daemon, "result", first, "step")["result"] == [1, 5]
    assert "step[1]" in said(daemon, "artifacts", first)
    assert said(daemon, "artifacts", first, "n.txt", "--task", "step[1]") == "file 5"
    target = daemon.project / "kept"
    said(daemon, "artifacts", first, "n.txt", "--task", "step[0]", "-o", str(target))
    assert target.read_text() == "file 1"
    ambiguous = daemon.cli("artifacts", first, "n.txt")
    assert (ambiguous.returncode, "say which with --task" in ambiguous.stderr) == (1, True)
    unknown = daemon.cli("artifacts", first, "m.txt")
    assert "no file 'm.txt' was kept; there are: n.txt" in unknown.stderr
    assert "step[1]" in said(daemon, "show", first, "--tasks")
    assert told(daemon, "compare", first, second)["different"] == ["n"]
    compared = said(daemon, "compare", first, second)
    assert [line.split() for line in compared.splitlines() if line.startswith("n ")] == [
        ["n", "5", "2"]
    ]
    row = next(line for line in said(daemon, "grid", "steps").splitlines() if first in line)
    assert row.split()[-2:] == ["succeeded", "succeeded"]
    assert told(daemon, "stats", "steps")["success_rate"] == 1.0
    assert "100.0%" in said(daemon, "stats", "steps")


def test_how_the_daemon_is(daemon: DaemonProcess) -> None:
    assert said(daemon, "health").splitlines()[-1] == "ready"
    assert told(daemon, "health")["status"] == "ok"
    assert "5 live" in said(daemon, "status")
    assert told(daemon, "status")["ready"] is True
    assert "triphammer_runs" in said(daemon, "metrics")
    assert "No attempt has met" in said(daemon, "breakers")
    assert told(daemon, "db", "size")["runs"] == 0
    size = [" ".join(line.split()) for line in said(daemon, "db", "size").splitlines()]
    assert {"keeps payload 30d", "keeps failed for ever"} <= {*size}
    assert told(daemon, "db", "size")["retention"]["failed"] is None
    found = {one["key"]: one for one in told(daemon, "config", "show", "--running")["items"]}
    assert found["server.port"]["origin"] == "flag --port"


def test_sensors_are_paused_and_resumed(daemon: DaemonProcess) -> None:
    assert "ok" in said(daemon, "sensors")
    (sensor,) = (
        one["id"] for one in told(daemon, "sensors")["items"] if one["flows"] == ["hooked"]
    )
    assert said(daemon, "sensors", "pause", sensor) == f"{sensor}: paused\n"
    assert daemon.cli("hook", "orders", "--data", "{}").returncode == 1
    assert said(daemon, "sensors", "resume", sensor) == f"{sensor}: ok\n"
    accepted = told(daemon, "hook", "orders", "--data", '{"a": 1}', "-H", "x-a=b")
    event = told(daemon, "show", accepted["event"])
    assert (event["data"], event["headers"]["x-a"]) == ({"a": 1}, "b")


def test_a_start_without_the_event_that_the_flow_reads_is_told_before(
    daemon: DaemonProcess,
) -> None:
    event = told(daemon, "hook", "counts", "--data", '{"n": 4}')["event"]
    alone = daemon.cli("start", "counted")
    assert alone.returncode == 0
    assert "counted reads the event that starts it (data.n)" in alone.stderr
    assert "--event KEY" in alone.stderr
    assert daemon.cli("start", "counted", "--event", event).stderr == ""
    assert daemon.cli("start", "steps").stderr == ""
    waited = daemon.cli("start", "steps", "--wait")
    assert waited.stderr.split()[0] == waited.stdout.split()[0]
    page = daemon.text("/flows/counted")
    assert "It reads the event that starts it: <code>data.n</code>" in page
    assert "source=triphammer%2Fwebhook%2Fcounts" in page
    assert "Start without one" in page
    assert "Start without one" not in daemon.text("/flows/steps")


def test_what_is_sent(daemon: DaemonProcess) -> None:
    assert "Nothing was sent yet." in said(daemon, "outbox")
    told(daemon, "start", "sends", "--wait")
    (message,) = told(daemon, "outbox", "--flow", "sends", "--state", "pending")["items"]
    assert told(daemon, "outbox", "show", message["id"][:20])["body"] == {"total": 3}
    assert '{"total":3}' in said(daemon, "outbox", "show", message["id"])
    assert told(daemon, "show", message["id"])["target"] == "http://127.0.0.1:9/away"
    assert "No message matches." in said(daemon, "outbox", "--state", "delivered")


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "--flow", "stps"],
        ["outbox", "--flow", "stps"],
        ["backfills", "--flow", "stps"],
        ["deadletters", "--flow", "stps"],
        ["stats", "stps"],
    ],
)
def test_a_name_that_is_near_is_told(daemon: DaemonProcess, command: list[str]) -> None:
    done = daemon.cli(*command)
    assert done.returncode == 1
    assert "did you mean 'steps'?" in done.stderr


def test_events_are_searched(daemon: DaemonProcess) -> None:
    for number in range(3):
        said(daemon, "emit", "a.thing", "--subject", f"s{number}", "--data", f'{{"n": {number}}}')
    assert [e["subject"] for e in told(daemon, "events", "--subject", "s1")["items"]] == ["s1"]
    found = told(daemon, "events", "--type", "a.thing", "--search", '"n":2')["items"]
    assert [event["subject"] for event in found] == ["s2"]


@pytest.mark.parametrize(
    ("shell", "variables", "found"),
    [
        ("bash", {"COMP_WORDS": "triphammer pause st", "COMP_CWORD": "2"}, "steps"),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "triphammer pause st"}, '"steps"'),
        (
            "fish",
            {
                "_TYPER_COMPLETE_ARGS": "triphammer pause st",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            },
            "steps",
        ),
        ("bash", {"COMP_WORDS": "triphammer logs {run} --task st", "COMP_CWORD": "4"}, "step\n"),
        ("bash", {"COMP_WORDS": "triphammer retry {run} --from st", "COMP_CWORD": "4"}, "step\n"),
        ("bash", {"COMP_WORDS": "triphammer show run_", "COMP_CWORD": "2"}, "{run}"),
    ],
)
def test_the_shell_completes_what_the_daemon_knows(
    daemon: DaemonProcess, shell: str, variables: dict[str, str], found: str
) -> None:
    run = told(daemon, "start", "steps", "--wait")["id"]
    env = {**daemon.env, "TRIPHAMMER_URL": daemon.url, "_TRIPHAMMER_COMPLETE": f"complete_{shell}"}
    env |= {name: text.replace("{run}", run) for name, text in variables.items()}
    done = subprocess.run(
        [sys.executable, "-m", "triphammer"],
        env=env,
        cwd=daemon.project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.replace("{run}", run) in done.stdout
    assert done.stderr == ""
