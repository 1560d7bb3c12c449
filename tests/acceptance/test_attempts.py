"""How often something was tried before it was given up, told as it was."""

from __future__ import annotations

from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, as_json

FLOWS = """
from triphammer import flow, send_webhook, task

@task(retries=2, backoff="1ms")
def failing() -> None:
    raise ValueError("no")

@flow
def broken():
    failing()

@flow
def sending():
    send_webhook("http://127.0.0.1:9/x", {"a": 1})
"""
SETTINGS = '[outbox]\nfirst_retry = "1ms"\nretry_factor = 1.0\ngive_up_after = "50ms"\n'


def told(daemon: DaemonProcess, *arguments: str) -> Any:
    done = daemon.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return as_json(done.stdout)


def test_attempts_of_dead_letters_and_messages(make_daemon: Serve) -> None:
    daemon = make_daemon({"all": FLOWS}, SETTINGS)
    daemon.cli("start", "broken")
    daemon.cli("start", "sending")
    daemon.wait_until(lambda: len(told(daemon, "deadletters")["items"]) == 2)
    letters = {item["kind"]: item for item in told(daemon, "deadletters")["items"]}
    assert letters["run"]["attempts"] == 3
    message = told(daemon, "show", letters["message"]["id"][:16])
    assert message["state"] == "dead"
    assert message["attempts"] == letters["message"]["attempts"] > 0
    shown = daemon.cli("show", message["id"]).stdout
    assert f"attempts    {message['attempts']}" in shown
    assert "http://127.0.0.1:9/x" in shown
    missing = daemon.cli("show", "msg_f")
    assert "there is no message 'msg_f'" in missing.stderr
