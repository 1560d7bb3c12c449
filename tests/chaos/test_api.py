"""The real daemon answers as its own OpenAPI document says, whatever it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.acceptance.sound import everything_is_shown, nothing_went_wrong
from tests.chaos.regime import seed, times

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]
CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 8
ENDLESS = "stream"
"""The operation whose answer does not end."""
FLOWS = """
from triphammer import (
    Event, every, events, flow, github, publish, secret, send_webhook, slack, task, webhook
)

@task
async def given(value: object) -> object:
    return value

@task
def failing() -> None:
    print("about to fail")
    raise ValueError("no")

@flow(on=[webhook("in"), webhook("shop/orders"), events(type="t")])
def taking(event: Event) -> object:
    "Takes what comes."
    return given(event.data)

@flow(on=[
    webhook("signed", verify=github(secret("KEY"))),
    webhook("slack", verify=slack(secret("KEY"))),
])
def signed(event: Event) -> object:
    return given(1)

@flow
def manual(number: int = 1, text: str = "x"):
    return given(number)

@flow
def broken():
    failing()

@flow(on=every("1h", now=True))
def mapping(event: Event) -> object:
    return given.map([1, 2, 3])

@flow
def sending():
    send_webhook("http://127.0.0.1:9/x", {"a": 1})
"""
SETTINGS = '[outbox]\nfirst_retry = "10ms"\ngive_up_after = "100ms"\n'
PATHS = ["in", "shop/orders", "signed", "slack", "nowhere"]


def test_every_answer_is_as_documented(make_daemon: Serve, tmp_path: Path) -> None:
    daemon = make_daemon({"all": FLOWS}, SETTINGS, env={"TRIPHAMMER_SECRETS__KEY": "key"})
    something_of_everything(daemon)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(tightened(daemon.get("/openapi.json"))))
    done = schemathesis(file, daemon.url, examples=times(EXAMPLES))
    assert done.returncode == 0, done.stdout
    print(done.stdout)
    everything_is_shown(daemon)
    nothing_went_wrong(daemon)


def something_of_everything(daemon: DaemonProcess) -> None:
    """Runs that went well and not, maps, lines, messages that are dead."""
    for flow in ("manual", "broken", "sending"):
        daemon.post(f"/api/v1/flows/{flow}/runs")
    daemon.wait_for_runs("broken", state="failed")
    for flow in ("manual", "sending", "mapping"):
        daemon.wait_for_runs(flow)
    daemon.wait_until(lambda: len(daemon.get("/api/v1/deadletters")["items"]) == 2)


def tightened(document: dict[str, Any]) -> dict[str, Any]:
    """The document, by which an answer holds nothing that is not described.

    That an event in binary mode needs all of its headers it cannot say: that mode is left to
    the fuzz of `from_http`. Nor that a key must be new: what comes twice is left to the test of
    idempotency.
    """
    for schema in document["components"]["schemas"].values():
        schema.setdefault("additionalProperties", False)
    hooks = document["paths"]["/hooks/{path}"]["post"]["parameters"]
    hooks[0]["schema"]["enum"] = PATHS
    events = document["paths"]["/api/v1/events"]["post"]
    del events["parameters"], events["requestBody"]["content"]["application/json"]
    key = {"$ref": "#/components/parameters/Idempotency-Key"}
    for methods in document["paths"].values():
        for operation in methods.values():
            if key in operation.get("parameters", ()):
                operation["parameters"].remove(key)
    return document


def schemathesis(file: Path, url: str, *, examples: int) -> subprocess.CompletedProcess[str]:
    """Every operation with data that fits the document, and that does not; every check."""
    options = {
        "--url": url,
        "--checks": "all",
        "--exclude-operation-id": ENDLESS,
        "--max-examples": str(examples),
        "--seed": str(seed()),
        # Inputs are large and strange by design.
        "--suppress-health-check": "all",
    }
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(CONFIG)),
            *("run", str(file), *(text for option in options.items() for text in option)),
        ],
        cwd=file.parent,
        env={**os.environ, "NO_PROXY": "*"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_the_stream_is_as_documented(make_daemon: Serve) -> None:
    daemon = make_daemon({"all": FLOWS}, "[limits]\nstreams = 1\n")
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        with client.stream("GET", "/api/v1/stream") as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            full = client.get("/api/v1/stream")
            assert (full.status_code, "retry-after" in full.headers) == (503, True)
            assert full.headers["content-type"] == "application/problem+json"
        wrong = client.post("/api/v1/stream")
        assert wrong.status_code == 405
        assert set(wrong.headers["allow"].split(", ")) == {"GET", "HEAD"}
