"""The main job from outside: files, webhooks, timers and posted events become runs."""

from __future__ import annotations

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import as_json

FLOWS = {
    "job": """
from pathlib import Path
from triphammer import Event, every, events, files, flow, finished, task, webhook

@task
def read(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()]

@task
async def double(n: int) -> int:
    print(f"doubling {n}")
    return 2 * n

@task
def total(numbers: list[int]) -> int:
    return sum(numbers)

@flow(on=files("inbox", "*.txt", settle="50ms", done="archive"))
def on_file(event: Event) -> object:
    return total(double.map(read(event.data["path"])))

@flow(on=webhook("numbers"))
def on_hook(event: Event) -> object:
    return total(double.map(event.data["numbers"]))

@flow(on=every("1h", now=True))
def on_timer(event: Event) -> object:
    return double(21)

@flow(on=events(type="shop.paid").where({"data": {"amount": [{"numeric": [">", 100]}]}}))
def on_event(event: Event, region: str = "eu") -> object:
    return double(event.data["amount"])

@flow(on=finished("on_event"))
def after(event: Event) -> object:
    return double(1)
""",
}


def test_each_source_leads_to_a_succeeded_run(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    (daemon.project / "inbox" / "a.txt").write_text("1\n2\n3\n")
    hook = daemon.post("/hooks/numbers", json={"numbers": [1, 2]})
    assert hook.status_code == 202
    assert daemon.wait_for_runs("on_timer")[0]["result"] == 42
    assert daemon.wait_for_runs("on_hook")[0]["result"] == 6
    [run] = daemon.wait_for_runs("on_file")
    assert run["result"] == 12
    assert hook.json()["runs"] == [daemon.runs("on_hook")[0]["id"]]
    moved = daemon.project / "inbox" / "archive" / "a.txt"
    daemon.wait_until(moved.exists)
    assert daemon.get(f"/api/v1/events/{run['event']}")["data"]["path"] == str(moved)


def test_a_posted_event_and_the_end_of_its_run(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    small = daemon.cli("emit", "shop.paid", "--data", '{"amount": 7}', "--json")
    large = daemon.cli("emit", "shop.paid", "--data", '{"amount": 700}', "--json")
    assert as_json(small.stdout)["runs"] == []
    [run] = as_json(large.stdout)["runs"]
    assert daemon.wait_for_runs("on_event")[0]["id"] == run
    [after] = daemon.wait_for_runs("after")
    event = daemon.get(f"/api/v1/events/{after['event']}")
    assert (event["data"]["run"], event["data"]["state"]) == (run, "succeeded")
    shown = daemon.get(f"/api/v1/events/{as_json(small.stdout)['event']}")
    told = {d["flow"]: (d["outcome"], d["detail"]) for d in shown["dispositions"]}
    assert told["on_event"][0] == "filtered"
    assert "asked for > 100" in told["on_event"][1]


def test_what_the_command_line_and_the_console_show(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    started = daemon.cli("start", "on_event", "--param", "region=us", "--wait", "--json")
    assert started.returncode == 1  # the run's event has no amount
    daemon.post("/hooks/numbers", json={"numbers": [5]})
    [run] = daemon.wait_for_runs("on_hook")
    listed = daemon.cli("runs")
    assert run["id"] in listed.stdout
    assert "succeeded" in listed.stdout
    assert "doubling 5" in daemon.cli("logs", run["id"][:30]).stdout
    assert "double" in daemon.cli("show", run["id"]).stdout
    assert "on_timer" in daemon.cli("flows").stdout
    assert run["event"] in daemon.cli("events").stdout
    for page in ("/", "/runs", f"/runs/{run['id']}", "/events", "/flows/on_hook"):
        answer = httpx.get(daemon.url + page, trust_env=False)
        assert answer.status_code == 200, page
        assert "on_hook" in answer.text or page == "/events", page
    assert httpx.get(daemon.url + "/runs/run_0", trust_env=False).status_code == 404


def test_health_metrics_and_openapi(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    daemon.wait_for_runs("on_timer")
    ready = daemon.get("/readyz")
    assert ready["status"] == "ok"
    assert ready["parts"]["sensor files:inbox"]["ok"]
    metrics = httpx.get(daemon.url + "/metrics", trust_env=False).text
    assert 'triphammer_runs{flow="on_timer",state="succeeded"} 1' in metrics
    assert daemon.get("/livez") == {"status": "ok"}
    assert "/api/v1/runs/{id}/cancel" in daemon.get("/openapi.json")["paths"]


def test_pause_keeps_the_runs_waiting_and_resume_begins_them(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    assert daemon.cli("pause", "on_hook").returncode == 0
    for number in range(3):
        daemon.post("/hooks/numbers", json={"numbers": [number]})
    assert [r["state"] for r in daemon.runs("on_hook")] == ["queued"] * 3
    queued = daemon.runs("on_hook")[0]["id"]
    assert daemon.cli("cancel", queued).returncode == 0
    assert daemon.cli("resume", "on_hook").returncode == 0
    daemon.wait_for_runs("on_hook", 2)
    assert daemon.get(f"/api/v1/runs/{queued}")["state"] == "cancelled"


def test_stop_and_reload_by_signals(make_daemon: Serve) -> None:
    import signal

    daemon = make_daemon(FLOWS)
    file = daemon.project / "flows" / "job.py"
    file.write_text(file.read_text().replace("return 2 * n", "return 3 * n"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded")
    daemon.post("/hooks/numbers", json={"numbers": [1]})
    assert daemon.wait_for_runs("on_hook")[0]["result"] == 3
    assert daemon.stop() == 0
