"""`triphammer run`: here and now, fast, and as a repetition of what a daemon has done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, as_json, cli, project, state_file_lines

SLOW = """
from pathlib import Path
from triphammer import flow, task

@task(retries=3, backoff="2h")
def trying() -> int:
    with Path("tries.txt").open("a") as file:
        file.write("try\\n")
    if len(Path("tries.txt").read_text().splitlines()) < 4:
        raise OSError("not yet")
    return 4

@task
def before() -> int:
    return 1

@flow(timeout="HOURS")
def slow():
    before() >> trying()
"""
ORDERS = """
from dataclasses import dataclass
from pathlib import Path
from triphammer import Artifact, Event, artifact, context, events, flow, publish, state, task

class Odd:
    def __init__(self, n: int) -> None:
        self.n = n

@task
def parse(rows: list[int]) -> list[int]:
    note("parse")
    state["seen"] = len(rows)
    return rows

@task
def odd() -> Odd:
    note("odd")
    return Odd(7)

@task
def big() -> str:
    note("big")
    return "x" * 3_000_000

@task
def page() -> Artifact:
    note("page")
    return artifact("a page")

@task
def pages() -> dict[str, Artifact]:
    note("pages")
    return {"one": artifact("page one")}

@task
def enrich(row: int) -> int:
    note(f"enrich {row}")
    if row == 2:
        raise ValueError("two is broken")
    return row * 10

@task(trigger_rule="all_done")
def total(
    rows: list[int | None],
    odd: Odd,
    big: str,
    region: str,
    page: Artifact,
    more: dict[str, Artifact],
) -> str:
    note("total")
    assert (page.read_text(), more["one"].read_text()) == ("a page", "page one")
    return f"{rows} {odd.n} {len(big)} {region} {state['seen']} {context().event.id}"

@task
def after(text: str) -> str:
    note("after")
    publish("done", text)
    return text

def note(text: str) -> None:
    with Path("ran.txt").open("a") as file:
        file.write(text + "\\n")

@flow(on=events(type="orders"))
def orders(event: Event, region: str = "eu"):
    rows = parse(event.data["rows"])
    told = total(enrich.options(errors="skip").map(rows), odd(), big(), region, page(), pages())
    return after(told)
"""
HEADERS = {"content-type": "application/cloudevents+json"}


def run(project: Path, *arguments: str) -> Any:
    done = cli(project, "run", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return as_json(done.stdout)


def test_fast_skips_what_is_only_waited_for(tmp_path: Path) -> None:
    here = project(tmp_path / "here", {"slow": SLOW.replace("HOURS", "7h")})
    assert run(here, "slow", "--fast")["state"] == "succeeded"
    assert len(state_file_lines(here / "tries.txt")) == 4


def test_fast_comes_to_a_timeout_as_waiting_would(tmp_path: Path) -> None:
    here = project(tmp_path / "here", {"slow": SLOW.replace("HOURS", "3h")})
    done = cli(here, "run", "slow", "--fast")
    assert done.returncode == 1
    assert "took longer than its flow's timeout of 10800 s" in done.stderr
    assert len(state_file_lines(here / "tries.txt")) == 2


WAITING = """
from triphammer import flow, sleep, task, wait_for

@task(trigger_rule="all_done")
def after() -> int:
    return 2

@flow
def patient():
    last = after()
    sleep("2 days") >> wait_for({"type": ["x"]}, timeout="3h", on_timeout="skip") >> last
    return last

@flow(timeout="1h")
def hasty():
    sleep("2 days") >> after()
"""


def test_fast_skips_sleeps_and_waits_for_what_nobody_sends(tmp_path: Path) -> None:
    here = project(tmp_path / "here", {"waiting": WAITING})
    assert run(here, "patient", "--fast")["result"] == 2
    done = cli(here, "run", "hasty", "--fast")
    assert done.returncode == 1
    assert "took longer than its flow's timeout of 3600 s" in done.stderr


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    """One that has run `orders` once."""
    daemon = make_daemon({"orders": ORDERS})
    data = {"rows": [1, 2, 3]}
    event = {"specversion": "1.0", "id": "o-1", "source": "t", "type": "orders", "data": data}
    assert daemon.post("/api/v1/events", json=event, headers=HEADERS).status_code == 202
    daemon.wait_for_runs("orders")
    return daemon


def repeated(daemon: DaemonProcess, *arguments: str, code: int = 0) -> tuple[Any, list[str]]:
    """What a repetition came to, and which tasks it has run."""
    (daemon.project / "ran.txt").unlink(missing_ok=True)
    [past] = daemon.runs("orders")
    done = daemon.cli("run", "--from-run", past["id"][:12], *arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return as_json(done.stdout), sorted(state_file_lines(daemon.project / "ran.txt"))


def test_a_run_is_repeated_here_with_its_event_params_and_state(daemon: DaemonProcess) -> None:
    told = "[10, None, 30] 7 3000000 eu 3 o-1".replace(", None", "")
    again, ran = repeated(daemon)
    assert (again["state"], again["result"]) == ("succeeded", told)
    assert [message["target"] for message in again["messages"]] == ["done"]
    items = [f"enrich {n}" for n in (1, 2, 3)]
    assert ran == ["after", "big", *items, "odd", "page", "pages", "parse", "total"]
    other, _ = repeated(daemon, "--param", "region=us", "orders")
    assert "us 3 o-1" in other["result"]
    assert len(daemon.runs("orders")) == 1, "the daemon has nothing of it"


def test_one_task_is_repeated_on_what_was_there_before_it(daemon: DaemonProcess) -> None:
    file = daemon.project / "flows" / "orders.py"
    file.write_text(file.read_text().replace('return f"', 'return "now " + f"'))
    again, ran = repeated(daemon, "--only", "total")
    assert again["result"] == "now [10, 30] 7 3000000 eu 3 o-1"
    assert (ran, again["messages"]) == (["total"], [])
    file.write_text(file.read_text().replace("row == 2", "row == 20"))
    again, ran = repeated(daemon, "--only", "enrich[1]", "--version", "run", code=1)
    assert (again["state"], ran) == ("failed", ["enrich 2"]), "the code of that run"
    again, ran = repeated(daemon, "--only", "enrich[1]")
    assert (again["state"], again["result"], ran) == ("succeeded", 20, ["enrich 2"])
    again, ran = repeated(daemon, "--only", "enrich")
    assert (again["result"], ran) == ([10, 20, 30], ["enrich 1", "enrich 2", "enrich 3"])
    again, ran = repeated(daemon, "--only", "enrich[0]")
    assert (again["result"], ran) == (10, ["enrich 1"])


def test_what_cannot_be_repeated(daemon: DaemonProcess) -> None:
    [past] = daemon.runs("orders")

    def said(*arguments: str) -> str:
        done = daemon.cli("run", *arguments)
        assert done.returncode != 0
        return done.stderr

    assert "has no task 'totl': did you mean 'total'?" in said(
        "--from-run", past["id"], "--only", "totl"
    )
    assert "enrich[9] is not in run_" in said("--from-run", past["id"], "--only", "enrich[9]")
    assert "total of orders is not mapped" in said("--from-run", past["id"], "--only", "total[1]")
    assert "there is no run 'run_f'" in said("--from-run", "run_f")
    assert "name that" in said("orders", "--only", "total")
    assert "--from-run brings its event" in said("--from-run", past["id"], "--event", "{}")
    assert "name a flow, a file, or --from-run RUN" in said()
    assert "and no flow" in said("orders", "--from-run", past["id"], "--version", "run")
    assert "no version" in said("--from-run", past["id"], "--version", "f00")
    file = daemon.project / "flows" / "orders.py"
    file.write_text(
        file.read_text().replace("def parse(", "def read(").replace(" parse(", " read(")
    )
    missing = said("--from-run", past["id"], "--only", "total")
    assert "total stands behind read, which did not end in run_" in missing
    daemon.stop()
    gone = said("--from-run", past["id"])
    assert "no daemon at" in gone
    assert "triphammer serve --data COPY" in gone


TELLING = """
from triphammer import flow, secret, send_webhook, task

@task
def tell(key: str) -> None:
    send_webhook("http://127.0.0.1:1/hook", {"text": "key " + key})

@flow
def telling():
    tell(secret("KEY"))
"""


def test_printed_messages_show_no_secrets(tmp_path: Path) -> None:
    here = project(tmp_path / "here", {"telling": TELLING})
    env = {**os.environ, "TRIPHAMMER_SECRETS__KEY": "very-secret"}
    done = cli(here, "run", "telling", env=env)
    assert done.returncode == 0, done.stderr
    assert 'http://127.0.0.1:1/hook: {"text":"key ***"} - not sent' in done.stdout
