"""A daemon that has something of everything to show: for whoever looks at all of the console."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from tests.acceptance.process import DaemonProcess, project

CLOUDEVENT = {"content-type": "application/cloudevents+json"}
SETTINGS = """
[outbox]
first_retry = "1h"

[limits]
active_runs = 50
"""
FLOWS: Mapping[str, str] = {
    "orders": """
from pathlib import Path
from triphammer import Event, artifact, context, files, flow, group, send_webhook, task

@task
def parse(path: Path) -> list[str]:
    rows = path.read_text().split()
    print(f"parsed {len(rows)} rows of {path.name}")
    return rows

@task
async def enrich(row: str) -> dict[str, object]:
    return {"sku": row, "price": len(row) * 3}

@task
async def load(rows: list[dict[str, object]]) -> dict[str, int]:
    return {"rows": len(rows), "value": sum(int(str(row["price"])) for row in rows)}

@task
def report(total: dict[str, int]) -> str:
    context().artifact("report.md", f"# Orders\\n\\n{total['rows']} rows", "text/markdown")
    context().artifact("rows.csv", "sku,price\\ntea,9\\nmug,9\\n", "text/csv")
    context().artifact("page.html", "<h1>Orders</h1><script>alert(1)</script>", "text/html")
    return f"{total['rows']} rows"

@flow(on=files("inbox", "*.csv", ready="immediate"))
def orders(event: Event, region: str = "eu"):
    \"\"\"Loads what the shop drops into the inbox.\"\"\"
    with group("intake"):
        rows = enrich.map(parse(event.data["path"]))
    with group("booking"):
        total = load(rows)
        told = report(total)
    send_webhook("TARGET/ok", {"orders": total["rows"], "region": region}, key=region)
    return total
""",
    "payments": """
from dataclasses import dataclass
from triphammer import Event, events, flow, send_webhook, task

@dataclass
class Payment:
    amount: int
    iban: str

@task
def charge(payment: Payment) -> int:
    print(f"charging {payment.amount}")
    if payment.amount > 1000:
        raise ValueError(f"{payment.amount} is over the limit of 1000")
    return payment.amount

@flow(on=events(type="payment").where({"data": {"amount": [{"numeric": [">", 0]}]}}))
def payments(event: Event[Payment]):
    amount = charge(event.data)
    send_webhook("TARGET/gone", {"amount": amount}, key="ledger")
""",
    "shipping": """
from triphammer import Event, flow, send_webhook, task, webhook

@task
def label(order: str) -> str:
    return f"label of {order}"

@flow(on=webhook("shipped"))
def shipping(event: Event):
    send_webhook("TARGET/busy", {"label": label(event.data["order"])})
""",
    "training": """
import threading
from pathlib import Path
from triphammer import Event, context, events, flow, task

@task
def train(epochs: int) -> int:
    for epoch in range(3):
        print(f"epoch {epoch}: loss {1 / (epoch + 1):.3f}")
    context().progress(3, epochs)
    while not Path("trained").exists():
        threading.Event().wait(0.2)
    return epochs

@flow(on=events(type="train"))
def training(event: Event, epochs: int = 12):
    train(epochs)
""",
    "release": """
from dataclasses import dataclass
from triphammer import Event, approve, events, flow, task

@dataclass
class Form:
    version: str
    loudly: bool = False

@task
def ship(version: str) -> str:
    return version

@flow(on=events(type="release"))
def release(event: Event):
    said = approve("Release it to everybody?", form=Form)
    ship(said["form"]["version"])
""",
    "flaky": """
from triphammer import Event, events, flow, task

@task(retries=5, backoff="1h")
def fetch(city: str) -> str:
    raise ConnectionError(f"no weather for {city}")

@flow(on=events(type="weather"))
def flaky(event: Event):
    fetch(event.data["city"])
""",
    "nightly": """
from triphammer import cron, every, flow, sensor, task

@sensor(every="1h")
def stock(cursor):
    return [{"type": "stock", "subject": "mugs", "data": {"left": 7}}], "2026-01-01"

@task
def count() -> int:
    return 7

@flow(on=[cron("0 6 * * *", tz="Asia/Seoul"), every("1h", now=True)])
def nightly():
    count()

@flow(on=stock)
def restock():
    count()
""",
}


class _Handler(BaseHTTPRequestHandler):
    """Takes what is sent to `/ok`, wants nothing more at `/gone`, has no time at `/busy`."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response({"/ok": 200, "/gone": 410}.get(self.path, 503))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@dataclass
class BusyConsole:
    """The daemon, and the addresses of what there is on it."""

    daemon: DaemonProcess
    runs: dict[str, str] = field(default_factory=dict[str, str])
    events: dict[str, str] = field(default_factory=dict[str, str])
    backfill: str = ""

    def emit(self, id: str, type: str, data: Any, subject: str | None = None) -> str:
        """Post an event; its key."""
        event: dict[str, Any] = {"specversion": "1.0", "id": id, "source": "shop/till"}
        event |= {"type": type, "data": data} | ({"subject": subject} if subject else {})
        answer = self.daemon.post("/api/v1/events", json=event, headers=CLOUDEVENT)
        self.events[id] = answer.json()["events"][0]["event"]
        return self.events[id]


@contextmanager
def busy_console(folder: Path) -> Generator[BusyConsole]:
    """A daemon in `folder` once everything that is to have happened has happened."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    target = f"http://127.0.0.1:{server.server_port}"
    flows = {name: text.replace("TARGET", target) for name, text in FLOWS.items()}
    try:
        with DaemonProcess(project(folder, flows, SETTINGS)) as daemon:
            console = BusyConsole(daemon)
            _fill(console)
            yield console
            (folder / "trained").touch()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fill(console: BusyConsole) -> None:
    daemon = console.daemon
    inbox = daemon.project / "inbox"
    (inbox / "monday.csv").write_text("tea mug spoon kettle")
    (inbox / "tuesday.csv").write_text("pot cup")
    Path(os.fsdecode(bytes(inbox) + b"/r\xe9sum\xe9.csv")).write_text("a name that is no UTF-8")
    console.emit("p1", "payment", {"amount": 120, "iban": "GB33"}, "customer/7")
    console.emit("p2", "payment", {"amount": 5000, "iban": "GB33"}, "customer/8")
    console.emit("p3", "payment", {"amount": 7, "iban": None}, "customer/9")
    console.emit("p4", "payment", {"amount": -1, "iban": "GB33"}, "customer/9")
    console.emit("p1", "payment", {"amount": 120, "iban": "GB33"}, "customer/7")
    console.emit("t1", "train", {})
    console.emit("r1", "release", {"by": "ann"})
    console.emit("w1", "weather", {"city": "Oslo"})
    nested: dict[str, Any] = {
        "lines": [{"sku": "tea", "n": 2}],
        "notes": "<b>careful</b>",
        "empty": {},
    }
    console.emit("n1", "unheard", nested, "nobody listens")
    daemon.post("/hooks/shipped", json={"order": "o-17"})
    daemon.post("/api/v1/flows/nightly/pause")
    daemon.post("/api/v1/sensors/custom:stock/pause")
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T03:00:00Z"}
    console.backfill = daemon.post("/api/v1/flows/nightly/backfills", json=span).json()["id"]
    found = {
        "succeeded": daemon.wait_for_runs("orders", 2)[0],
        "failed": daemon.wait_for_runs("payments", state="failed")[0],
        "waiting": daemon.wait_for_runs("release", state="waiting")[0],
        "running": daemon.wait_for_runs("training", state="running")[0],
        "retrying": daemon.wait_for_runs("flaky", state="running")[0],
    }
    console.runs.update({state: run["id"] for state, run in found.items()})
    daemon.wait_until(lambda: _task(console, "running")["progress"])
    daemon.wait_until(lambda: _task(console, "retrying")["state"] == "retrying")
    daemon.wait_until(lambda: len(daemon.get("/api/v1/deadletters")["items"]) == 4)


def _task(console: BusyConsole, run: str) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = console.daemon.get(f"/api/v1/runs/{console.runs[run]}")["tasks"]
    return tasks[0] if tasks else {"progress": None, "state": "pending"}


def main(folder: Path) -> None:
    """Keep one up to look at: `python -m tests.acceptance.busy_console FOLDER`."""
    with busy_console(folder) as console:
        print(console.daemon.url, msgspec.json.encode(console.runs).decode(), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
