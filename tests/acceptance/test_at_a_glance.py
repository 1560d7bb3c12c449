"""What the API tells of the daemon, its flows, sensors, messages and store at a glance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.acceptance.sound import nothing_went_wrong

FLOWS = {
    "shop": """
from triphammer import Event, every, events, files, flow, send_webhook, task

@task
async def check(amount: int, limit: int) -> int:
    if amount > limit:
        raise ValueError(f"{amount} is more than {limit}")
    return amount

@task
async def twice(item: int) -> int:
    if item == 3:
        raise ValueError("three")
    return item * 2

@flow(on=[events(type="order"), every("1d")])
def orders(event: Event, limit: int = 10, amount: int = 1):
    return check(amount, limit)

@flow
def mapped():
    return twice.map([1, 2, 3, 4])

@flow
def telling():
    told = {"token": "a very-secret one"}
    send_webhook("http://127.0.0.1:9/nobody", told, headers={"X-T": "very-secret"})

@flow(on=files("inbox", "*.txt"))
def dropped(event: Event):
    return check(1, 1)
"""
}
SECRET = {"TRIPHAMMER_SECRETS__TOKEN": "very-secret"}


def start(daemon: DaemonProcess, flow: str, **params: Any) -> str:
    """The id of a run that has ended."""
    run: str = daemon.post(f"/api/v1/flows/{flow}/runs", json={"params": params}).json()["id"]
    daemon.wait_until(lambda: daemon.get(f"/api/v1/runs/{run}")["finished_at"])
    return run


def test_a_flow_at_a_glance(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    good, bad = start(daemon, "orders"), start(daemon, "orders", amount=11)
    stats = daemon.get("/api/v1/flows/orders/stats")
    assert [run["id"] for run in stats["ended"]] == [bad, good]
    assert stats["success_rate"] == 0.5
    assert stats["p50"] == stats["p95"] == stats["ended"][1]["seconds"]
    today = datetime.now(UTC).date().isoformat()
    assert stats["days"][-1]["day"] in (today, stats["ended"][0]["created_at"][:10])
    assert sum(sum(day["runs"].values()) for day in stats["days"]) == 2
    assert len(daemon.get("/api/v1/flows/orders/stats", last=1)["ended"]) == 1

    grid = daemon.get("/api/v1/flows/orders/grid", limit=1)
    assert [(t["name"], t["state"]) for t in grid["items"][0]["tasks"]] == [("check", "failed")]
    following = daemon.get("/api/v1/flows/orders/grid", cursor=grid["next"])
    assert [line["id"] for line in following["items"]] == [good]
    assert following["next"] is None

    start(daemon, "mapped")
    (line,) = daemon.get("/api/v1/flows/mapped/grid")["items"]
    assert [(t["name"], t["items"], t["failed_items"]) for t in line["tasks"]] == [("twice", 4, 1)]
    for path in ("stats", "grid"):
        missing = httpx.get(f"{daemon.url}/api/v1/flows/none/{path}", trust_env=False)
        assert missing.status_code == 404


def test_runs_side_by_side(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    good, bad = start(daemon, "orders", amount=5), start(daemon, "orders", amount=11)
    other = start(daemon, "mapped")
    found = daemon.get("/api/v1/runs/compare", run=[good, bad])
    assert found["different"] == ["amount"]
    assert [run["state"] for run in found["runs"]] == ["succeeded", "failed"]
    assert found["runs"][0]["result"] == {"size": 1, "value": 5}
    assert found["runs"][1]["reason"] == "ValueError: check: 11 is more than 10"
    assert [[c["state"] for c in t["cells"]] for t in found["tasks"]] == [["succeeded", "failed"]]
    found = daemon.get("/api/v1/runs/compare", run=[good, other])
    assert [t["name"] for t in found["tasks"]] == ["check", "twice"]
    assert [[cell is None for cell in t["cells"]] for t in found["tasks"]] == [
        [False, True],
        [True, False],
    ]
    twice = daemon.get("/api/v1/runs/compare", run=[good, good])
    assert twice["different"] == []
    for runs, status in (([good], 422), ([good, "run_none"], 404)):
        answer = httpx.get(
            f"{daemon.url}/api/v1/runs/compare", params={"run": runs}, trust_env=False
        )
        assert answer.status_code == status


def test_messages_are_listed_and_shown_without_secrets(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, env=SECRET)
    run = start(daemon, "telling")
    page = daemon.get("/api/v1/outbox", flow="telling", kind="webhook")
    (message,) = page["items"]
    assert (message["run"], message["state"], page["next"]) == (run, "pending", None)
    assert daemon.get("/api/v1/outbox", state="dead")["items"] == []
    assert daemon.get("/api/v1/outbox", target="elsewhere")["items"] == []
    full = daemon.get(f"/api/v1/outbox/{message['id'][:20]}")
    assert full["flow"] == "telling"
    assert (full["body"], full["headers"]) == ({"token": "a *** one"}, {"X-T": "***"})
    assert "very-secret" not in str(full)
    assert full["refused"] is None
    assert daemon.get("/api/v1/outbox/msg_none")["status"] == 404


def test_events_are_searched(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    for number in range(3):
        sent = ("emit", "seen", "--subject", f"eu/{number}", "--data", f'{{"n": "x{number}"}}')
        assert daemon.cli(*sent).returncode == 0

    def subjects(**asked: str) -> list[str]:
        return [item["subject"] for item in daemon.get("/api/v1/events", **asked)["items"]]

    assert subjects(subject="eu/") == ["eu/2", "eu/1", "eu/0"]
    assert subjects(q="X1") == ["eu/1"]
    assert subjects(q="x1", subject="eu/2") == []
    assert subjects(type="seen", source="triphammer/cli", limit="1") == ["eu/2"]
    searched = daemon.get("/api/v1/events", q="x", limit=2)
    first = daemon.get("/api/v1/events", q="x", limit=2, cursor=searched["next"])
    assert [item["subject"] for item in first["items"]] == ["eu/0"]
    assert first["next"] is None
    assert first["searched_to"] <= first["items"][0]["received_at"]
    assert daemon.get("/api/v1/events", type="seen")["searched_to"] is None


def test_what_happens_now(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    start(daemon, "orders")
    failed = start(daemon, "orders", amount=11)
    daemon.cli("pause", "orders")
    assert daemon.cli("emit", "order").returncode == 0
    stats = daemon.get("/api/v1/stats")
    assert stats["runs"] == {"succeeded": 1, "failed": 1, "queued": 1}
    assert [run["id"] for run in stats["failures"]] == [failed]
    assert stats["failures"][0]["reason"] == "ValueError: check: 11 is more than 10"
    assert stats["flows"] == {"live": 4, "paused": ["orders"], "wrong": []}
    assert [fire["flow"] for fire in stats["next_fires"]] == ["orders"]
    assert (stats["ready"], stats["troubles"], stats["under_way"]) == (True, [], [])
    assert len(stats["events"]["steps"]) * 5 == stats["events"]["seconds"]


def test_sensors_tell_where_they_are(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    (daemon.project / "inbox" / "a.txt").write_text("1")
    (run,) = daemon.wait_for_runs("dropped")
    found = {item["kind"]: item for item in daemon.get("/api/v1/sensors")["items"]}
    assert found.keys() == {"files", "timer"}
    files = found["files"]
    assert (files["flows"], files["reason"], files["failures"]) == (["dropped"], None, 0)
    assert (files["events"], [e["event"] for e in files["last"]]) == (1, [run["event"]])
    assert files["last"][0]["subject"] == "a.txt"
    assert len(files["positions"]) == 1
    assert not files["more_positions"]
    assert files["next_fire"] is None
    assert found["timer"]["flows"] == ["orders"]
    assert found["timer"]["next_fire"] is not None
    assert found["timer"]["behind"] is None


def test_the_store_and_the_settings(make_daemon: Serve) -> None:
    settings = '[retention]\npayload = "2d"\n[connections.lake]\npassword = "hidden"\n'
    daemon = make_daemon(FLOWS, settings)
    start(daemon, "orders")
    store = daemon.get("/api/v1/store")
    assert (store["runs"], store["tasks"], store["messages"]) == (1, 1, 0)
    assert store["events"] >= 1
    assert store["bytes"] > store["free"] >= 0
    kept = store["retention"]
    assert (kept["payload"], kept["failed"]) == (2 * 86400, None), "failed runs are kept for ever"
    assert store["folder"] == str(daemon.project / ".triphammer")
    found = daemon.get("/api/v1/settings")
    values = {item["key"]: item for item in found["items"]}
    assert values["retention.payload"]["value"] == "2d"
    assert values["retention.payload"]["origin"].startswith("triphammer.toml") or (
        "triphammer.toml" in values["retention.payload"]["origin"]
    )
    assert values["retention.identities"]["origin"] == "default"
    assert "hidden" not in str(found)
    nothing_went_wrong(daemon)
