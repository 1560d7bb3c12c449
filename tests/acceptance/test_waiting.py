"""Runs that wait in the real daemon: killed meanwhile, answered over HTTP, the command line and
the console."""

from __future__ import annotations

from typing import Any

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

FLOWS = {
    "waits": """
from datetime import timedelta

from pydantic import BaseModel, Field

from triphammer import Event, approve, chain, context, events, flow, sleep, task, wait_for


class Release(BaseModel):
    version: str = Field(min_length=1, description="Such as 1.2")
    percent: int = 100


@task
def count(what: object) -> object:
    with open(context().event.data["log"], "a") as log:
        log.write(f"{what}\\n")
    return what


@flow(on=events(type="shop.order"))
def order(event: Event):
    before = count("before")
    paid = wait_for({"type": ["shop.paid"], "data": {"order": [event.data["order"]]}})
    chain(before, paid)
    return count(paid.data["amount"])


@flow(on=events(type="shop.nap"))
def nap(event: Event):
    after = count("slept")
    chain(sleep(event.data["for"]), after)
    return after


class Verdict(BaseModel):
    answer: str
    reason: str


@flow(on=events(type="shop.judge"))
def judge(event: Event):
    return count(approve("Well?", form=Verdict)["form"])


@flow(on=events(type="shop.release"))
def release(event: Event):
    said = approve("Release it?", form=Release)
    return count(said["form"])
""",
}


def post(daemon: DaemonProcess, type: str, data: Any) -> str:
    event = {"specversion": "1.0", "type": type, "source": "shop", "id": repr(data), "data": data}
    headers = {"content-type": "application/cloudevents+json"}
    answer = daemon.post("/api/v1/events", json=event, headers=headers)
    assert answer.status_code == 202, answer.text
    (accepted,) = answer.json()["events"]
    return accepted["runs"][0] if accepted["runs"] else ""


def is_waiting(daemon: DaemonProcess, *runs: str) -> bool:
    return all(daemon.get(f"/api/v1/runs/{run}")["state"] == "waiting" for run in runs)


def test_killed_while_they_wait_runs_go_on_where_they_were(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    log = str(daemon.project / "told")
    orders = [post(daemon, "shop.order", {"order": n, "log": log}) for n in range(3)]
    soon = post(daemon, "shop.nap", {"for": "2s", "log": log})
    late = post(daemon, "shop.nap", {"for": "9d", "log": log})
    daemon.wait_until(lambda: is_waiting(daemon, *orders, soon, late))
    waits = daemon.get(f"/api/v1/runs/{orders[1]}")["waits"]
    assert [(w["task"], w["kind"], w["due_at"], w["answered"]) for w in waits] == [
        ("wait_for", "wait_for", None, False)
    ]
    assert waits[0]["pattern"] == {"type": ["shop.paid"], "data": {"order": [1]}}
    daemon.kill()
    daemon.start()
    post(daemon, "shop.paid", {"order": 1, "amount": 7})
    (ended,) = [r for r in daemon.wait_for_runs("order") if r["state"] != "waiting"]
    assert (ended["id"], ended["state"], ended["result"]) == (orders[1], "succeeded", 7)
    (slept,) = daemon.wait_for_runs("nap")
    assert (slept["id"], slept["state"]) == (soon, "succeeded")
    waiting = {run["id"] for run in daemon.get("/api/v1/runs", state="waiting")["items"]}
    assert waiting == {orders[0], orders[2], late}
    assert sorted((daemon.project / "told").read_text().split()) == [
        *("7", "before", "before", "before", "slept")
    ]
    answer = daemon.post(f"/api/v1/runs/{late}/cancel")
    assert answer.status_code == 200
    daemon.wait_until(lambda: daemon.get(f"/api/v1/runs/{late}")["state"] == "cancelled")


def test_an_answer_is_taken_once_and_survives_a_kill(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    log = str(daemon.project / "told")
    run = post(daemon, "shop.release", {"log": log})
    daemon.wait_until(lambda: is_waiting(daemon, run))
    path = f"/api/v1/runs/{run}/tasks/approve"
    (wait,) = daemon.get(f"/api/v1/runs/{run}")["waits"]
    assert (wait["title"], list(wait["form"]["properties"])) == (
        "Release it?",
        ["version", "percent"],
    )
    wrong = daemon.post(f"{path}/approve", json={"form": {"percent": "all"}})
    assert wrong.status_code == 422
    assert [e["where"] for e in wrong.json()["errors"]] == ["form.version", "form.percent"]
    unknown = daemon.post(f"/api/v1/runs/{run}/tasks/aprove/approve")
    assert unknown.status_code == 404
    assert "did you mean 'approve'" in unknown.json()["detail"]
    body = {"by": "ann", "form": {"version": "1.2"}}
    answered = daemon.post(f"{path}/approve", json=body)
    assert (answered.status_code, answered.json()["id"]) == (200, run)
    daemon.kill()
    daemon.start()
    daemon.wait_until(lambda: daemon.get(f"/api/v1/runs/{run}")["state"] == "succeeded")
    ended = daemon.get(f"/api/v1/runs/{run}")
    assert ended["result"] == {"version": "1.2", "percent": 100}
    assert (ended["waits"], ended["operations"][0]["by"]) == ([], "ann")
    for verb in ("approve", "reject"):
        again = daemon.post(f"{path}/{verb}", json=body)
        assert again.status_code == 409
        assert "has ended" in again.json()["detail"]
    assert len(set((daemon.project / "told").read_text().splitlines())) == 1


def test_answers_by_the_command_line_and_the_console(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    log = str(daemon.project / "told")
    runs = [post(daemon, "shop.release", {"log": log, "n": n}) for n in range(3)]
    daemon.wait_until(lambda: is_waiting(daemon, *runs))
    assert "Release it? (--form version, percent)" in daemon.cli("show", runs[0]).stdout
    wrong = daemon.cli("approve", runs[0], "--form", "percent=5")
    assert wrong.returncode == 1
    assert "version" in wrong.stderr
    done = daemon.cli("approve", runs[0], "approve", "--form", "version=2", "--form", "percent=5")
    assert done.returncode == 0, done.stderr
    assert "approve approved" in done.stdout
    rejected = daemon.cli("reject", runs[1], "--reason", "too early")
    assert rejected.returncode == 0, rejected.stderr
    page = daemon.text(f"/runs/{runs[2]}")
    assert "Release it?" in page
    assert 'name="version"' in page
    form = f"{daemon.url}/runs/{runs[2]}/tasks/approve/answer"
    bad = httpx.post(form, data={":answer": "approve", "percent": "x"}, trust_env=False)
    assert bad.status_code == 422
    assert 'value="x"' in bad.text
    good = {":answer": "approve", "version": "3", "percent": ""}
    assert httpx.post(form, data=good, trust_env=False).status_code == 303
    ended = {run["id"]: run for run in daemon.wait_for_runs("release", 3)}
    assert ended[runs[0]]["result"] == {"version": "2", "percent": 5}
    assert (ended[runs[1]]["state"], ended[runs[1]]["result"]) == ("succeeded", None)
    assert ended[runs[2]]["result"] == {"version": "3", "percent": 100}
    assert httpx.post(form, data=good, trust_env=False).status_code == 409
    assert daemon.cli("approve", runs[2]).returncode == 1


def test_a_form_may_have_fields_named_as_the_page_s_own_are(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    run = post(daemon, "shop.judge", {"log": str(daemon.project / "told")})
    daemon.wait_until(lambda: is_waiting(daemon, run))
    filled = {"answer": "maybe", "reason": "dull", ":reason": "as asked", ":answer": "approve"}
    form = f"{daemon.url}/runs/{run}/tasks/approve/answer"
    assert httpx.post(form, data=filled, trust_env=False).status_code == 303
    (ended,) = daemon.wait_for_runs("judge")
    assert ended["result"] == {"answer": "maybe", "reason": "dull"}
