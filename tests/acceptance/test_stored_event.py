"""A run that is asked for on an event that is stored already."""

from __future__ import annotations

from typing import Any

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

FLOWS = """
from dataclasses import dataclass
from triphammer import Event, flow, task, webhook

@dataclass
class Order:
    id: int

@task
async def given(value: object) -> object:
    return value

@flow(on=webhook("orders"))
def first(event: Event) -> object:
    return given(event.data["id"])

@flow
def other(event: Event, note: str = "none") -> object:
    return given([event.data["id"], note])

@flow
def typed(event: Event[Order]) -> object:
    return given(event.data.id)
"""


def start(daemon: DaemonProcess, flow: str, event: str, key: str | None = None) -> httpx.Response:
    body: dict[str, Any] = {"event": event, "params": {"note": "x"} if flow == "other" else {}}
    headers = {} if key is None else {"Idempotency-Key": key}
    return daemon.post(f"/api/v1/flows/{flow}/runs", json=body, headers=headers)


def test_a_run_on_a_stored_event(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOWS})
    event = daemon.post("/hooks/orders", json={"id": 7}).json()["event"]
    started = [start(daemon, flow, event).json() for flow in ("other", "other", "typed", "first")]
    assert [run["flow"] for run in started] == ["other", "other", "typed", "first"]
    assert {run["event"] for run in started} == {event}
    assert len({run["id"] for run in started}) == 4
    assert [run["result"] for run in daemon.wait_for_runs("other", 2)] == [[7, "x"]] * 2
    assert [run["result"] for run in daemon.wait_for_runs("first", 2)] == [7, 7]
    assert daemon.wait_for_runs("typed")[0]["result"] == 7
    # What the event itself has brought about is as it was; who asked is an event of its own.
    outcomes = daemon.get(f"/api/v1/events/{event}")["dispositions"]
    assert [d["flow"] for d in outcomes if d["outcome"] != "filtered"] == ["first"]
    asked = daemon.get("/api/v1/events", type="triphammer.run.requested")["items"]
    assert {item["data"]["event"] for item in asked} == {event}
    assert len(asked) == 4


def test_it_is_started_once_for_one_key(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOWS}, '[retention]\npayload = "1ms"\n')
    event = daemon.post("/hooks/orders", json={"id": 7}).json()["event"]
    first, again = (start(daemon, "other", event, "k").json()["id"] for _ in range(2))
    assert first == again
    daemon.wait_for_runs("other")
    daemon.wait_for_runs("first")
    assert start(daemon, "other", event, "k").json()["id"] == first
    daemon.post("/hooks/orders", json={"id": 8})  # the newest event and run are always kept
    daemon.wait_for_runs("first", 2)
    daemon.post("/api/v1/prune")
    assert start(daemon, "other", event, "k").json()["id"] == first  # as it was answered before
    daemon.kill()  # the answer is gone; what the store knows of the key went with the run
    daemon.start()
    gone = start(daemon, "other", event, "k")
    assert (gone.status_code, f"no event {event!r}" in gone.json()["detail"]) == (404, True)
    plain = daemon.post("/api/v1/flows/other/runs", headers={"Idempotency-Key": "k"})
    assert (plain.status_code, "no longer kept" in plain.json()["detail"]) == (409, True)


def test_an_event_that_does_not_fit_is_told_at_once(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOWS})
    event = daemon.post("/hooks/orders", json={"id": "seven"}).json()["event"]
    answer = start(daemon, "typed", event)
    assert answer.status_code == 422
    assert "id" in answer.json()["detail"]
    assert daemon.runs("typed") == []


def test_it_goes_on_after_a_crash(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOWS})
    event = daemon.post("/hooks/orders", json={"id": 7}).json()["event"]
    daemon.post("/api/v1/flows/other/pause")
    start(daemon, "other", event)
    daemon.kill()
    daemon.start()
    daemon.post("/api/v1/flows/other/resume")
    assert daemon.wait_for_runs("other")[0]["result"] == [7, "x"]
