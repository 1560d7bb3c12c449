"""Every call of the API that changes something, made twice with one `Idempotency-Key`: who heard
no answer may ask again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from triphammer.service.web.doors import EVENTS

FLOWS = {
    "all": """
import asyncio
from triphammer import approve, chain, every, flow, task

@task
def failing() -> None:
    raise ValueError("no")

@task
async def slow() -> None:
    await asyncio.sleep(3600)

@task
def quick() -> int:
    return 1

@flow
def broken():
    failing()

@flow
def manual(number: int = 1):
    quick()

@flow
def lasting():
    slow()

@flow
def asking():
    chain(approve("Well?"), quick())

@flow(on=every("1h"))
def ticking():
    slow()
"""
}
Call = tuple[str, str, Any]
"""Method, path and body."""
HOURS = {"from": "2024-01-01T00:00:00", "to": "2024-01-01T02:00:00"}
IN_STORE = (
    *("start_run", "annotate_run", "cancel_run", "retry_run", "mark_task", "mark_run"),
    *("approve_task", "reject_task", "begin_backfill"),
)
"""Whose keys outlive the process."""
ONCE_BY_NATURE = ("post_events", "deliver_webhook")
"""What they take has an identity of its own."""


class Client:
    """Asks a daemon, and makes what calls are about."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.daemon = daemon

    def ask(self, call: Call, key: str | None = None) -> httpx.Response:
        method, path, body = call
        headers = {} if key is None else {"Idempotency-Key": key}
        return httpx.request(
            method,
            self.daemon.url + path,
            json=body,
            headers=headers,
            trust_env=False,
            timeout=30,
        )

    def run(self, flow: str, state: str) -> str:
        """A new run of a flow, once it is in this state."""
        id: str = self.ask(("POST", f"/api/v1/flows/{flow}/runs", {})).json()["id"]
        self.daemon.wait_until(lambda: self.daemon.get(f"/api/v1/runs/{id}")["state"] == state)
        return id

    def did(self, operation: str) -> int:
        """How often the audit log says that something was done."""
        told = self.daemon.get("/api/v1/audit", action=operation, limit=500)["items"]
        return sum(item["status"] < 300 for item in told)


def calls(client: Client) -> Mapping[str, Callable[[], Call]]:
    """Each operation with what makes a call of it, about something new."""

    def of_run(flow: str, state: str, rest: str, body: Any = None) -> Call:
        return "POST", f"/api/v1/runs/{client.run(flow, state)}/{rest}", body

    def cancelling_a_backfill() -> Call:
        begun = client.ask(("POST", "/api/v1/flows/ticking/backfills", HOURS | {"again": True}))
        return "POST", f"/api/v1/backfills/{begun.json()['id']}/cancel", None

    def about_state(method: str, key: str) -> Call:
        for name in ("a", "b"):
            client.ask(("PUT", f"/api/v1/flows/manual/state/{name}", {"value": 1}))
        return method, f"/api/v1/flows/manual/state{key}", None

    def about_token(name: str) -> Call:
        client.ask(("POST", "/api/v1/tokens", {"name": name, "scopes": ["read"]}))
        return "POST", f"/api/v1/tokens/{name}/revoke", None

    def dead(what: str) -> Call:
        return "POST", f"/api/v1/deadletters/{what}", {"ids": [client.run("broken", "failed")]}

    def annotating() -> Call:
        body = {"note": "seen", "add_tags": ["x"]}
        return "PATCH", f"/api/v1/runs/{client.run('manual', 'succeeded')}", body

    sensor = quote(client.daemon.get("/api/v1/sensors")["items"][0]["id"])
    marked = {"state": "succeeded", "reason": "it was"}
    return {
        "start_run": lambda: ("POST", "/api/v1/flows/manual/runs", {"params": {"number": 2}}),
        "pause_flow": lambda: ("POST", "/api/v1/flows/lasting/pause", None),
        "resume_flow": lambda: ("POST", "/api/v1/flows/lasting/resume", None),
        "pause_sensor": lambda: ("POST", f"/api/v1/sensors/{sensor}/pause", None),
        "resume_sensor": lambda: ("POST", f"/api/v1/sensors/{sensor}/resume", None),
        "annotate_run": annotating,
        "cancel_run": lambda: of_run("lasting", "running", "cancel"),
        "retry_run": lambda: of_run("broken", "failed", "retry"),
        "mark_task": lambda: of_run("broken", "failed", "tasks/failing/mark", marked),
        "mark_run": lambda: of_run("broken", "failed", "mark", marked),
        "approve_task": lambda: of_run("asking", "waiting", "tasks/approve/approve"),
        "reject_task": lambda: of_run("asking", "waiting", "tasks/approve/reject"),
        "redrive_dead_letters": lambda: dead("redrive"),
        "skip_dead_letters": lambda: dead("skip"),
        "begin_backfill": lambda: ("POST", "/api/v1/flows/ticking/backfills", HOURS),
        "plan_backfill": lambda: ("POST", "/api/v1/flows/ticking/backfills/plan", HOURS),
        "cancel_backfill": cancelling_a_backfill,
        "set_state": lambda: ("PUT", "/api/v1/flows/manual/state/c", {"value": 3}),
        "delete_state": lambda: about_state("DELETE", "/a"),
        "clear_state": lambda: about_state("DELETE", ""),
        "create_token": lambda: ("POST", "/api/v1/tokens", {"name": "new", "scopes": ["read"]}),
        "revoke_token": lambda: about_token("old"),
        "prune": lambda: ("POST", "/api/v1/prune", None),
        "reload": lambda: ("POST", "/api/v1/reload", None),
    }


@pytest.mark.slow
def test_what_is_called_twice_with_one_key_is_done_once(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, '[flows]\nreload = "signal"\n')
    client = Client(daemon)
    made = calls(client)
    assert {*made, *ONCE_BY_NATURE} == unsafe(daemon.get("/openapi.json"))
    kept: dict[str, Call] = {}
    for operation, make in made.items():
        call = kept[operation] = make()
        before = client.did(operation)
        first, again = client.ask(call, operation), client.ask(call, operation)
        assert first.is_success, (operation, first.text)
        assert client.did(operation) == before + 1, operation
        if operation == "create_token":  # its text is told once, whoever asks again
            assert (again.status_code, first.json()["token"] in again.text) == (409, False)
            continue
        assert (again.status_code, again.content) == (first.status_code, first.content), operation
        assert again.headers["idempotency-replayed"] == "true"
    told = {operation: effect(daemon, kept[operation]) for operation in IN_STORE}
    daemon.kill()
    daemon.start()
    for operation in IN_STORE:
        assert client.ask(kept[operation], operation).is_success, operation
        assert effect(daemon, kept[operation]) == told[operation], operation


def unsafe(document: Mapping[str, Any]) -> set[str]:
    """The operations that may change something."""
    return {
        told["operationId"]
        for methods in document["paths"].values()
        for method, told in methods.items()
        if method != "get"
    }


def effect(daemon: DaemonProcess, call: Call) -> Any:
    """What there is by a call that the store remembers: things done to its run, or how many."""
    _, path, _ = call
    if path.startswith("/api/v1/runs/"):
        done = daemon.get("/".join(path.split("/")[:5]))["operations"]
        assert len(done) == 1
        return done
    return len(
        daemon.get("/api/v1/backfills" if "backfills" in path else "/api/v1/runs?flow=manual")[
            "items"
        ]
    )


@pytest.mark.slow
def test_events_and_webhooks_have_an_identity_of_their_own(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    event = {"specversion": "1.0", "id": "1", "source": "test", "type": "t"}
    headers = {"Content-Type": "application/cloudevents+json"}
    told = [daemon.post(EVENTS, json=event, headers=headers).json()["events"][0] for _ in range(2)]
    assert [item["duplicate"] for item in told] == [False, True]
    assert told[0]["event"] == told[1]["event"]
