"""Every page of the console has no serious fault of accessibility, wide and narrow, light and
dark; and none is wider than the phone that it is read on."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from starlette.routing import Route

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from triphammer.service.web.console.console import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = (Path(__file__).parents[1] / "support" / "axe" / "axe.min.js").read_text()
RUN = "axe.run({ resultTypes: ['violations'] })"
FAULTS = ("serious", "critical")
NO_PAGES = {"/palette", "/runs/{id}/lines", "/runs/{id}/log.txt", "/artifacts/{digest}/view"}
"""What scripts ask for, texts, and what users have made, in a sandbox."""
NOT_HERE = {*NO_PAGES, "/deadletters/{id}"}
"""And a page that shows what only a Kafka broker brings."""
BESIDE = {"/docs": ["/docs"], "/signin": ["/signin"], "/nothing": ["/nothing"]}
"""Pages that are not the console's own."""
FLOWS = {
    "shop": """
import asyncio
from triphammer import Event, approve, every, flow, send_webhook, task, webhook

@task
async def price(item: str) -> int:
    print(f"pricing {item}")
    return len(item)

@task
async def pay(amount: int) -> int:
    if amount > 5:
        raise ValueError("too expensive")
    return amount

@task
async def tell(amount: int) -> None:
    send_webhook("http://127.0.0.1:9/none", {"amount": amount})

@flow(on=webhook("order"))
def shop(event: Event) -> object:
    \"\"\"Prices what is ordered, and pays for it.\"\"\"
    paid = pay(price(event.data["item"]))
    tell(paid)
    return paid

@task
async def release(by: str) -> str:
    return by

@flow(on=every("1d"))
def releases(version: str = "1.0", dry: bool = True) -> object:
    return release(approve("Release it?")["by"])

@task
async def square(n: int) -> int:
    await asyncio.sleep(0)
    return n * n

@flow
def many() -> object:
    return square.map(list(range(30)))
""",
}


@pytest.fixture(scope="module")
def patterns() -> set[str]:
    """The paths of all pages, as the router has them."""
    parts: dict[str, Any] = dict.fromkeys(list(inspect.signature(Console).parameters))
    routes = [route for route in Console(**parts).routes() if isinstance(route, Route)]
    return {r.path for r in routes if "GET" in (r.methods or ())} - NOT_HERE


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    """With runs that succeeded, failed and wait, and messages that cannot be sent."""
    daemon = make_daemon(FLOWS)
    for item in ("tea", "a golden teapot"):
        daemon.post("/hooks/order", json={"item": item})
    for flow in ("releases", "many"):
        daemon.post(f"/api/v1/flows/{flow}/runs", json={})
    daemon.post(
        "/api/v1/flows/releases/backfills",
        json={"from": "2026-01-01", "to": "2026-01-02", "max_parallel": 1},
    )
    daemon.wait_for_runs("shop")
    daemon.wait_for_runs("shop", state="failed")
    daemon.wait_for_runs("releases", state="waiting")
    daemon.wait_for_runs("many")
    return daemon


def paths(daemon: DaemonProcess) -> Mapping[str, list[str]]:
    """For each page some addresses at which there is something to see."""
    good, bad = daemon.runs("shop", "succeeded")[0], daemon.runs("shop", "failed")[0]
    waiting, many = daemon.runs("releases", "waiting")[0], daemon.runs("many")[0]
    message = daemon.get(f"/api/v1/runs/{good['id']}")["messages"][0]["id"]
    versions = daemon.get("/api/v1/flows/shop/versions")["items"]
    [backfill] = daemon.get("/api/v1/backfills")["items"]
    return {
        **BESIDE,
        "/": ["/"],
        "/flows": ["/flows"],
        "/flows/{name}": ["/flows/shop", "/flows/releases"],
        "/flows/{name}/versions": ["/flows/shop/versions"],
        "/flows/{name}/versions/{version}": [f"/flows/shop/versions/{versions[0]['version']}"],
        "/flows/{name}/backfills": ["/flows/releases/backfills"],
        "/backfills/{id}": [f"/backfills/{backfill['id']}"],
        "/runs": ["/runs", "/runs?state=failed", "/runs?flow=nothing"],
        "/runs/compare": [f"/runs/compare?run={good['id']}&run={bad['id']}"],
        "/runs/{id}": [f"/runs/{run['id']}" for run in (good, bad, waiting, many)],
        "/events": ["/events", "/events?type=nothing"],
        "/events/{key}": [f"/events/{good['event']}"],
        "/outbox": ["/outbox"],
        "/outbox/{id}": [f"/outbox/{message}"],
        "/deadletters": ["/deadletters"],
        "/deadletters/all": ["/deadletters/all"],
        "/tokens": ["/tokens"],
        "/audit": ["/audit"],
        "/sensors": ["/sensors"],
        "/sensors/{id:path}": ["/sensors/webhook:order"],
        "/settings": ["/settings"],
        "/health": ["/health"],
    }


def faults(page: Page) -> Iterator[str]:
    page.evaluate(AXE)
    for found in page.evaluate(RUN)["violations"]:
        if found["impact"] in FAULTS:
            for node in found["nodes"]:
                yield f"{found['id']} {node['target']}: {node['failureSummary']}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_no_page_has_a_serious_fault(
    daemon: DaemonProcess, browser: Browser, patterns: set[str], scheme: Any, width: int
) -> None:
    known = paths(daemon)
    assert patterns - set(known) == set(), "look at these as well"
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    told: list[str] = []
    for pattern, addresses in known.items():
        for address in addresses if pattern in patterns or pattern in BESIDE else ():
            page = context.new_page()
            page.goto(daemon.url + address)
            told += [f"{address}: {fault}" for fault in faults(page)]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                told.append(f"{address}: wider than {width}")
            page.close()
    if told:
        pytest.fail("\n".join(told))


def test_the_palette_and_the_shortcuts_have_none_either(
    daemon: DaemonProcess, browser: Browser
) -> None:
    page = browser.new_page(reduced_motion="reduce")
    page.goto(daemon.url)
    page.keyboard.press("?")
    assert list(faults(page)) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("option").first.wait_for()
    assert list(faults(page)) == []
