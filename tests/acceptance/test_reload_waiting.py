"""What waits while its code is changed or removed goes on with the code that it began with."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import saving

WAITING = """
from triphammer import events, flow, sleep, state, task
from lib.waiting import VALUE as HELPER

@task
def counted() -> None:
    state["runs"] = state.get("runs", 0) + 1

@task
def told() -> list:
    import lib.late
    return [1, HELPER, lib.late.VALUE, state["runs"]]

@flow(on=events(type="ask"))
def waiting():
    counted() >> sleep("6s") >> told()
"""
CODE = ("flows/waiting.py", "lib/waiting.py", "lib/late.py")


def save(root: Path, *texts: str) -> None:
    with saving(root.parent):
        for name, text in zip(CODE, texts, strict=True):
            file = root / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)


def test_runs_that_wait_go_on_at_their_version_also_when_their_flow_is_gone(
    make_daemon: Serve, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    daemon = make_daemon({})
    save(daemon.project, WAITING, "VALUE = 1\n", "VALUE = 1\n")
    daemon.wait_for_line("new: waiting")
    daemon.cli("emit", "ask")
    daemon.wait_for_runs("waiting", 1, "waiting")
    save(daemon.project, WAITING.replace("[1,", "[2,"), "VALUE = 2\n", "VALUE = 2\n")
    daemon.wait_for_line("changed: waiting")
    daemon.cli("emit", "ask")
    daemon.wait_for_runs("waiting", 2, "waiting")
    with saving(tmp_path):
        for name in CODE:
            (daemon.project / name).unlink()
    daemon.wait_for_line("removed: waiting")
    daemon.kill()
    daemon.start()
    assert "waiting  removed" in daemon.cli("flows").stdout
    newer, older = daemon.wait_for_runs("waiting", 2)
    told = {run["id"]: daemon.get(f"/api/v1/runs/{run['id']}") for run in (newer, older)}
    results = [
        next(task for task in told[run["id"]]["tasks"] if task["name"] == "told")["result"]
        for run in (older, newer)
    ]
    assert results == [[1, 1, 1, 2], [2, 2, 2, 2]]


HOOK = """
from triphammer import flow, secret, shared, task, webhook

@task
def one() -> int:
    return 1

@flow(on=webhook("hook"VERIFY))
def hooked():
    one()
"""


def test_a_webhook_whose_verifier_changes_has_no_gap(make_daemon: Serve) -> None:
    """Whoever knocks while it changes is judged by the old verifier or by the new one."""
    verify = ', verify=shared(secret("S"), header="x-secret")'
    env = {"TRIPHAMMER_SECRETS__S": "right"}
    daemon = make_daemon({"hook": HOOK.replace("VERIFY", "")}, env=env)
    file = daemon.project / "flows" / "hook.py"
    sent = 0
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        for text in (HOOK.replace("VERIFY", verify), HOOK.replace("VERIFY", "")) * 3:
            file.write_text(text)
            before = len([line for line in daemon.printed if "changed: hooked" in line])
            while len([line for line in daemon.printed if "changed: hooked" in line]) == before:
                answer = client.post("/hooks/hook", json={}, headers={"x-secret": "right"})
                assert answer.status_code == 202, answer.text
                sent += 1
        assert client.post("/hooks/hook", json={}).status_code == 202
    assert len(daemon.wait_for_runs("hooked", min(sent + 1, 500))) == min(sent + 1, 500)
