"""Marks, notes and tags by command line and API, over a kill."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.test_retry import FLOW, failed, order

LONG = """
import asyncio
from triphammer import events, flow, task

@task
async def slow(n: int) -> int:
    await asyncio.sleep(3600)
    return n

@task
def after(numbers: list[int]) -> int:
    return sum(numbers)

@flow(on=events(type="order"))
def orders():
    return after(slow.map([1, 2]))
"""


def test_marked_over_a_kill_and_retried(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOW})
    order(daemon)
    run = failed(daemon)
    for item in (1, 3):
        told = daemon.cli("mark", run, f"enrich[{item}]", "success", "--result", str(item))
        assert told.stdout == f"{run}: enrich[{item}] marked succeeded\n", told.stderr
    misfit = daemon.cli("mark", run, "enrich[2]", "success", "--result", '"many"')
    assert misfit.returncode == 1
    assert "the result of enrich[2]: Expected `int`" in misfit.stderr
    usage = daemon.cli("mark", run, "enrich[2]", "well")
    assert (usage.returncode, "success|failed|skipped" in usage.stderr) == (2, True)
    daemon.kill()
    daemon.start()
    daemon.cli("retry", run, "--failed")
    (ended,) = daemon.wait_for_runs("orders")
    assert ended["result"] == "24 by VERSION"
    done = daemon.get(f"/api/v1/runs/{run}")["operations"]
    assert [(o["what"], o["detail"]) for o in done] == [
        ("mark", "enrich[1] succeeded"),
        ("mark", "enrich[3] succeeded"),
        ("retry", "what failed"),
    ]
    told = daemon.cli("mark", run, "failed", "--reason", "the numbers are wrong")
    assert told.stdout == f"{run}: marked failed\n"
    assert run in daemon.cli("deadletters").stdout


def test_marked_under_way(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": LONG})
    order(daemon)
    (run,) = (r["id"] for r in daemon.wait_for_runs("orders", 1, "running"))
    daemon.cli("mark", run, "slow[0]", "success", "--result", "5")
    answer = daemon.post(f"/api/v1/runs/{run}/tasks/slow[1]/mark", json={"state": "skipped"})
    assert answer.status_code == 200, answer.text
    (ended,) = daemon.wait_for_runs("orders")
    assert ended["result"] == 5


def test_notes_and_tags(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOW})
    for n in range(2):
        order(daemon, str(n))
    first, second = (r["id"] for r in daemon.wait_for_runs("orders", 2, "failed"))
    assert daemon.cli("tag", first, "urgent", "eu").stdout == f"{first}: urgent, eu\n"
    daemon.cli("tag", first, "eu", "--remove")
    daemon.cli("note", first, "see <ticket> 7")
    listed = json.loads(daemon.cli("runs", "--tag", "urgent", "--json").stdout)["items"]
    assert [(r["id"], r["note"], r["tags"]) for r in listed] == [
        (first, "see <ticket> 7", ["urgent"])
    ]
    shown = daemon.cli("show", first).stdout
    assert "see <ticket> 7" in shown
    assert "+urgent +eu" in shown
    assert "see &lt;ticket&gt; 7" in daemon.text(f"/runs/{first}")
    assert "No run matches." in daemon.cli("runs", "--tag", "eu").stdout
    bad: list[Any] = [
        {"note": "x" * 10_001},
        {"add_tags": ["two words"]},
        {"add_tags": [""]},
        {"add_tags": [f"t{n}" for n in range(51)]},
        {"tags": []},
    ]
    for body in bad:
        answer = httpx.patch(f"{daemon.url}/api/v1/runs/{second}", json=body, trust_env=False)
        assert answer.status_code == 422, answer.text
    many = {"add_tags": [f"t{n}" for n in range(50)]}
    answer = httpx.patch(f"{daemon.url}/api/v1/runs/{first}", json=many, trust_env=False)
    assert (answer.status_code, "more than 50 tags" in answer.text) == (409, True)


def test_a_flow_that_there_is_not_is_named(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": FLOW})
    assert daemon.cli("runs", "--flow", "orders").stdout == "No run matches.\n"
    for command in (("runs",), ("deadletters",)):
        told = daemon.cli(*command, "--flow", "order")
        assert told.returncode == 1
        assert "no flow is named 'order'; did you mean 'orders'?" in told.stderr
