"""The value of a secret, wherever a flow lets it slip: no page, no answer of the API and no line of
the daemon's own log shows it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.service.web.test_scopes import needed
from triphammer.service.web.console.place import TABS

VALUE = "s3cr3t-V4lue-0123456789"
PASSWORD = "pa55-W0rd-9876543210"
VALUES = (VALUE, PASSWORD)
FLOWS = {
    "leaking": """
import logging
from triphammer import (
    Event, chain, connection, context, flow, publish, secret, send_webhook, state, task, webhook
)

@task
def telling(value: str) -> None:
    print("printed", value)
    logging.getLogger("some").warning("logged %s", value)
    logging.getLogger("some").error({"a": [value]})
    context().progress(1, 2)

@task
def failing(value: str) -> None:
    raise ValueError(f"cannot sign in with {value}")

@task
def connecting(warehouse: dict) -> None:
    print(warehouse)
    raise RuntimeError(str(warehouse))

@task
def remembering(value: str) -> None:
    state["cursor"] = f"after {value}"

@flow(on=webhook("in"))
def leaking(event: Event):
    telling(secret("KEY"))
    failing(secret("KEY"))

@flow
def remembers():
    remembering(secret("KEY"))

@flow
def connects():
    connecting(connection("warehouse"))

@flow
def sends():
    send_webhook(secret("HOOK"), {"a": 1}, headers={"authorization": secret("KEY")})
"""
}
SETTINGS = """
[outbox]
first_retry = "10ms"
give_up_after = "100ms"

[connections.warehouse]
host = "db.example"
user = "reader"
password = "pa55-W0rd-9876543210"
"""


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    started = make_daemon(
        FLOWS,
        SETTINGS,
        env={
            "TRIPHAMMER_SECRETS__KEY": VALUE,
            "TRIPHAMMER_SECRETS__HOOK": f"http://127.0.0.1:9/{VALUE}",
        },
    )
    leak(started)
    return started


def leak(daemon: DaemonProcess) -> None:
    """Let the values slip in every way that a flow can."""
    daemon.post("/hooks/in", json={"a": 1})
    for flow in ("remembers", "connects", "sends"):
        daemon.post(f"/api/v1/flows/{flow}/runs")
    daemon.wait_for_runs("leaking", state="failed")
    daemon.wait_for_runs("connects", state="failed")
    daemon.wait_for_runs("remembers")
    daemon.wait_until(lambda: len(daemon.get("/api/v1/deadletters")["items"]) >= 3)


def send_in(daemon: DaemonProcess) -> None:
    """Somebody who knows the value writes it into what they send."""
    daemon.post("/hooks/in", json={"password": VALUE, VALUE: 1}, headers={"X-Other": VALUE})
    (run,) = daemon.runs("connects")
    noting = {"note": f"try {VALUE}"}
    httpx.patch(f"{daemon.url}/api/v1/runs/{run['id']}", json=noting, trust_env=False)
    daemon.wait_for_runs("leaking", 2, state="failed")


def addresses(daemon: DaemonProcess) -> Iterator[str]:
    """Every read of the API and every page, about each run and event."""
    gets = [path for method, path in needed() if method == "GET" and path != "/api/v1/stream"]
    gets += [f"/runs/{{id}}?tab={tab}&task={task}" for tab in TABS for task in ("", "{task:path}")]
    letters = daemon.get("/api/v1/deadletters")["items"]
    message = next(item["id"] for item in letters if item["kind"] == "message")
    for path in gets:
        for run in daemon.runs():
            there = {
                "name": run["flow"],
                "key:path": "cursor",
                "key": run["event"],
                "id": message if "messages" in path or "outbox" in path else run["id"],
            }
            for there["task:path"] in ("telling", "failing"):
                yield re.sub(r"\{([^}]+)\}", partial(_filled, there), path)


def _filled(there: Mapping[str, str], found: re.Match[str]) -> str:
    return there.get(found[1], found[1])


def shown(daemon: DaemonProcess, asked: Iterable[str]) -> list[str]:
    """Where a value is seen, with what stands before it."""
    found: list[str] = []
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        for path in asked:
            text = client.get(path).text
            found += [f"{path}: {text.partition(v)[0][-60:]}" for v in VALUES if v in text]
    return found


def test_no_page_and_no_answer_shows_what_a_flow_lets_slip(daemon: DaemonProcess) -> None:
    asked = sorted(set(addresses(daemon)))
    assert len(asked) > 60
    assert shown(daemon, asked) == []


def test_no_page_shows_what_somebody_sends_in(daemon: DaemonProcess) -> None:
    """The API gives what is stored as it is: whoever asks for it may want to send it on."""
    send_in(daemon)
    asked = sorted({path for path in addresses(daemon) if not path.startswith("/api/")})
    assert shown(daemon, asked) == []


def test_a_note_whose_secret_the_form_hides_is_kept_when_the_tags_are_changed(
    make_daemon: Serve,
) -> None:
    noted = "from triphammer import flow\n\n@flow\ndef noted():\n    pass\n"
    daemon = make_daemon({"noted": noted}, env={"TRIPHAMMER_SECRETS__KEY": VALUE})
    daemon.post("/api/v1/flows/noted/runs")
    (run,) = daemon.wait_for_runs("noted")
    api = f"{daemon.url}/api/v1/runs/{run['id']}"
    httpx.patch(api, json={"note": f"try {VALUE}"}, trust_env=False)
    assert ">try ***</textarea>" in daemon.text(f"/runs/{run['id']}")
    daemon.post(f"/runs/{run['id']}/note", data={"note": "try ***", "tags": "seen"})
    told = daemon.get(f"/api/v1/runs/{run['id']}")
    assert (told["note"], told["tags"]) == (f"try {VALUE}", ["seen"])
    daemon.post(f"/runs/{run['id']}/note", data={"note": "", "tags": "seen"})
    assert daemon.get(f"/api/v1/runs/{run['id']}")["note"] == ""


def test_the_log_of_the_daemon_shows_no_secret(daemon: DaemonProcess) -> None:
    send_in(daemon)
    assert daemon.stop() == 0
    assert [line for line in daemon.printed if any(value in line for value in VALUES)] == []


def test_a_file_that_is_shown_hides_it_also_where_it_is_written_as_html(make_daemon: Serve) -> None:
    odd = "s3cr3t&<V4lue>"
    keeping = """
from triphammer import context, flow, secret, task

@task
def keeping() -> None:
    value = secret("ODD")
    context().artifact("told.md", f"# Told\\n\\nby {value}", "text/markdown")
    context().artifact("long.md", "word " * 100_000, "text/markdown")
    context().artifact(f"{value}.txt", "by name", "text/plain")

@flow
def keeps():
    keeping()
"""
    daemon = make_daemon({"keeps": keeping}, env={"TRIPHAMMER_SECRETS__ODD": odd})
    daemon.post("/api/v1/flows/keeps/runs")
    (run,) = daemon.wait_for_runs("keeps")
    items = daemon.get(f"/api/v1/runs/{run['id']}/artifacts")["items"]
    digests = {item["name"]: item["digest"] for item in items}
    told = daemon.text(f"/artifacts/{digests['told.md']}/view")
    assert "<h1>Told</h1><p>by ***</p>" in told.replace("\n", "")
    page = daemon.text(f"/runs/{run['id']}?tab=results")
    assert page.count(f"/artifacts/{digests['told.md']}/view") == 1
    assert f"/artifacts/{digests['long.md']}/view" not in page
    assert "by name" in page
    assert [form for form in (odd, html.escape(odd)) if form in page] == []
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        assert client.get(f"/artifacts/{digests['long.md']}/view").status_code == 404
