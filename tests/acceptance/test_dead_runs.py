"""Failed runs and events that could not start their flow: listed, redriven, skipped."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

ORDERS = """
from pathlib import Path
from triphammer import Event, events, flow, task

@task
def book(customer: str, n: int) -> str:
    if customer == "bad" and not Path("mended").exists():
        raise LookupError("no such customer")
    with Path("booked.txt").open("a") as file:
        file.write(f"{customer} {n}\\n")
    return customer

@flow(on=events(type="order"), order_by="data.customer")
def orders(event: Event):
    return book(event.data["customer"], event.data["n"])
"""
TYPED = """
from dataclasses import dataclass
from triphammer import Event, events, flow, task

@dataclass
class Bill:
    amount: TYPE

@task
def pay(bill: Bill) -> str:
    return str(bill.amount)

@flow(on=events(type="bill"))
def bills(event: Event[Bill]):
    return pay(event.data)
"""
HEADERS = {"content-type": "application/cloudevents+json"}


def post(daemon: DaemonProcess, id: str, data: Any, type: str = "order") -> Any:
    event = {"specversion": "1.0", "id": id, "source": "t", "type": type, "data": data}
    return daemon.post("/api/v1/events", json=event, headers=HEADERS).json()["events"][0]


def order(daemon: DaemonProcess, customer: str, n: int) -> None:
    post(daemon, f"{customer}{n}", {"customer": customer, "n": n})


def letters(daemon: DaemonProcess, *arguments: str) -> Any:
    return json.loads(daemon.cli("deadletters", "--json", *arguments).stdout)["items"]


def test_behind_a_failed_run_its_key_waits_and_other_keys_go_on(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": ORDERS})
    for n in (1, 2, 3):
        order(daemon, "bad", n)
        order(daemon, "good", n)
    daemon.wait_for_runs("orders", 3)
    [failed] = daemon.wait_for_runs("orders", 1, "failed")
    waiting = daemon.runs("orders", "queued")
    assert len(waiting) == 2
    shown = daemon.cli("show", waiting[0]["id"]).stdout
    assert f'{failed["id"]}, which has the key "bad" and is failed; retry, redrive or' in shown
    [letter] = letters(daemon)
    assert (letter["kind"], letter["id"], letter["flow"]) == ("run", failed["id"], "orders")
    assert letter["reason"] == "LookupError: book: no such customer"
    assert letter["key"] == '"bad"'
    again = daemon.cli("deadletters", "redrive", failed["id"])
    count, run = again.stdout.splitlines()
    assert (count, daemon.get(f"/api/v1/runs/{run}")["flow"]) == ("1 redriven", "orders")
    daemon.wait_for_runs("orders", 2, "failed")
    daemon.kill()
    (daemon.project / "mended").touch()
    daemon.start()
    assert len(daemon.runs("orders", "queued")) == 2, "a restart changes nothing"
    [letter] = letters(daemon, "--flow", "orders")
    daemon.cli("deadletters", "redrive", "--flow", "orders")
    daemon.wait_for_runs("orders", 6)
    assert letters(daemon) == []
    booked = state_file_lines(Path(daemon.project) / "booked.txt")
    assert [line for line in booked if line.startswith("bad")] == ["bad 1", "bad 2", "bad 3"]
    assert [line for line in booked if line.startswith("good")] == ["good 1", "good 2", "good 3"]
    told = daemon.cli("deadletters", "redrive", letter["id"])
    assert told.returncode == 1
    assert letter["id"] in told.stderr


def test_a_skipped_run_lets_those_behind_it_go(make_daemon: Serve) -> None:
    daemon = make_daemon({"orders": ORDERS})
    order(daemon, "bad", 1)
    [failed] = daemon.wait_for_runs("orders", 1, "failed")
    (daemon.project / "mended").touch()
    order(daemon, "bad", 2)
    assert daemon.cli("deadletters", "skip", failed["id"]).stdout == "1 skipped\n"
    daemon.wait_for_runs("orders", 1)
    assert state_file_lines(Path(daemon.project) / "booked.txt") == ["bad 2"]


def test_an_event_that_did_not_fit_is_redriven_after_the_fix(make_daemon: Serve) -> None:
    daemon = make_daemon({"bills": TYPED.replace("TYPE", "int")})
    told = post(daemon, "b1", {"amount": "twelve"}, "bill")
    assert told["runs"] == []
    [letter] = letters(daemon, "--kind", "event")
    assert letter["id"] == f"{told['event']}/bills"
    assert "amount" in letter["reason"]
    refused = daemon.cli("deadletters", "redrive", letter["id"])
    assert refused.returncode == 1
    assert "amount" in refused.stderr, "it still does not fit, and says why"
    file = daemon.project / "flows" / "bills.py"
    file.write_text(TYPED.replace("TYPE", "str"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded")
    redriven = daemon.cli("deadletters", "redrive", "--all").stdout
    [run] = daemon.wait_for_runs("bills")
    assert redriven == f"1 redriven\n{run['id']}\n"
    assert run["result"] == "twelve"
    shown = daemon.get(f"/api/v1/events/{told['event']}")["dispositions"]
    assert [(d["flow"], d["outcome"], d["run"]) for d in shown] == [("bills", "ran", run["id"])]
    assert letters(daemon) == []
