"""Every page of the console in a browser: light and dark, wide and narrow, with scripts and
without. What one looks like is left in the folder that TRIPHAMMER_SCREENSHOTS names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
from starlette.routing import Route

from tests.acceptance.busy_console import BusyConsole, busy_console
from tests.acceptance.conftest import chromium
from triphammer.service.web.console.console import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(__file__).parents[1] / "support" / "axe" / "axe.min.js"
GRAVE = ("serious", "critical")
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS: Mapping[int, Scheme] = {1440: "light", 390: "dark"}
"""By width the scheme that axe sees: what it holds against one of both it finds in one of these."""
Address = Callable[[BusyConsole], str]


def _run(state: str, query: str = "") -> Address:
    return lambda console: f"/runs/{console.runs[state]}{query}"


def _event(id: str) -> Address:
    return lambda console: f"/events/{console.events[id]}"


def _dead(kind: str) -> Address:
    def address(console: BusyConsole) -> str:
        letters = console.daemon.get("/api/v1/deadletters", kind=kind)["items"]
        return f"/{'outbox' if kind == 'message' else 'deadletters'}/{letters[0]['id']}"

    return address


def _version(console: BusyConsole) -> str:
    versions = console.daemon.get("/api/v1/flows/orders/versions")["items"]
    return f"/flows/orders/versions/{versions[0]['version']}"


def at(path: str) -> Address:
    """A page that has one address."""
    return lambda _: path


PAGES: Mapping[str, Mapping[str, Address]] = {
    "/": {"now": at("/")},
    "/flows": {"flows": at("/flows")},
    "/flows/{name}": {"flow": at("/flows/orders"), "flow-paused": at("/flows/nightly")},
    "/flows/{name}/versions": {"versions": at("/flows/orders/versions")},
    "/flows/{name}/versions/{version}": {"version": _version},
    "/flows/{name}/backfills": {"backfills": at("/flows/nightly/backfills")},
    "/backfills/{id}": {"backfill": lambda console: f"/backfills/{console.backfill}"},
    "/runs": {"runs": at("/runs"), "runs-none": at("/runs?flow=nobody")},
    "/runs/compare": {
        "compare": lambda c: f"/runs/compare?run={c.runs['succeeded']}&run={c.runs['failed']}"
    },
    "/runs/{id}": {
        **{
            f"run-{state}": _run(state)
            for state in ("succeeded", "failed", "waiting", "running", "retrying")
        },
        "run-log": _run("succeeded", "?tab=log"),
        "run-results": _run("succeeded", "?tab=results"),
        "run-related": _run("succeeded", "?tab=related"),
        "run-items": _run("succeeded", "?task=enrich"),
        "run-attempts": _run("retrying", "?task=fetch"),
    },
    "/events": {
        "events": at("/events"),
        "events-found": at("/events?text=GB33&subject=customer"),
        "events-none": at("/events?type=nothing"),
    },
    "/events/{key}": {
        "event-ran": _event("p1"),
        "event-dead": _event("p3"),
        "event-filtered": _event("n1"),
    },
    "/sensors": {"sensors": at("/sensors")},
    "/sensors/{id:path}": {
        "sensor": at("/sensors/files:inbox"),
        "sensor-paused": at("/sensors/custom:stock"),
    },
    "/outbox": {"outbox": at("/outbox"), "outbox-none": at("/outbox?flow=nobody")},
    "/outbox/{id}": {"message": _dead("message")},
    "/deadletters": {
        "deadletters": at("/deadletters"),
        "deadletters-none": at("/deadletters?flow=nobody"),
    },
    "/deadletters/all": {
        "deadletters-redrive": at("/deadletters/all?verb=redrive"),
        "deadletters-skip": at("/deadletters/all?verb=skip&kind=run"),
    },
    "/deadletters/{id}": {"record": _dead("record")},
    "/health": {"health": at("/health")},
    "/settings": {"settings": at("/settings"), "settings-set": at("/settings?show=set")},
    "/tokens": {"tokens": at("/tokens")},
    "/audit": {"audit": at("/audit")},
    "/docs": {"docs": at("/docs")},
    "/signin": {"signin": at("/signin")},
    "": {"missing": at("/flows/nobody")},
}
"""By route the pages that are looked at, each under the name of its picture."""
PARTS = {"/artifacts/{digest}/view", "/palette", "/runs/{id}/lines", "/runs/{id}/log.txt"}
"""What frames show without any script, what pages put into themselves, what is read as text."""
LOOKS = [
    pytest.param(address, name, id=name)
    for examples in PAGES.values()
    for name, address in examples.items()
]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyConsole]:
    with busy_console(tmp_path_factory.mktemp("console") / "project") as console:
        yield console


@pytest.fixture(scope="module")
def shared() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are left."""
    named = os.environ.get("TRIPHAMMER_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Watched:
    """A page, and all that went wrong on it."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.troubles: list[str] = []
        self._host = host
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(f"a script failed: {error}"))
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.text.startswith(f"Blocked script execution in '{self._host}/artifacts/"):
            return  # of a report that has scripts: frames do not let them run
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self._host, "data:", "blob:")):
            self.troubles.append(f"asked another host: {request.url}")

    def open(self, path: str, status: int) -> None:
        """Go there, and wait until it is live, if it will be."""
        answer = self.page.goto(self._host + path)
        assert answer is not None
        assert answer.status == status
        if self.page.locator("#live").count() and self.page.locator("script[src*=console]").count():
            expect(self.page.locator("#live")).to_have_text("live")


def faults(page: Page) -> list[str]:
    """What axe holds to be grave; what stands in a frame is a page of its own.
    What fades, because it has just changed, is judged when it has."""
    page.evaluate("Promise.allSettled(document.getAnimations().map(one => one.finished))")
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run({resultTypes: ['violations'], iframes: false})"
    )["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def status_of(name: str) -> int:
    return 404 if name == "missing" else 200


@pytest.mark.parametrize(("address", "name"), LOOKS)
def test_a_page_is_whole_in_every_light_and_width(
    console: BusyConsole, shared: Browser, pictures: Path, address: Address, name: str
) -> None:
    for width, judged in WIDTHS.items():
        with closing(
            shared.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        ) as page:
            watched = Watched(page, console.daemon.url)
            watched.open(address(console), status_of(name))
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                watched.troubles.append(f"it scrolls sideways: {wide} wide at {width}")
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png", full_page=True)
                if scheme == judged:
                    watched.troubles += faults(page)
            assert [t for t in watched.troubles if not re.fullmatch(told(name), t)] == []


def told(name: str) -> str:
    """What the browser says of a page that is not there."""
    return "error: Failed to load resource: .* 404 .*" if name == "missing" else "(?!)"


READ = """() => ({
  title: document.title,
  headings: [...document.querySelectorAll("main h1, main h2")].map(h => h.textContent.trim()),
  rows: document.querySelectorAll("main tr").length,
  hidden: [...document.querySelectorAll(".scripted-only")].every(e => e.offsetParent === null),
})"""


@pytest.mark.parametrize(("address", "name"), LOOKS)
def test_a_page_is_read_without_scripts(
    console: BusyConsole, shared: Browser, address: Address, name: str
) -> None:
    read: list[Any] = []
    for scripts in (True, False):
        with closing(shared.new_context(java_script_enabled=scripts)) as context:
            page = context.new_page()
            page.goto(console.daemon.url + address(console))
            read.append(page.evaluate(READ))
    with_scripts, without = read
    assert without["headings"], "a page says what it is"
    assert without["headings"] == with_scripts["headings"]
    assert without["rows"] == with_scripts["rows"]
    assert without["title"] == with_scripts["title"]
    assert without["hidden"], "what only scripts do is not offered"


def test_every_page_there_is_is_looked_at() -> None:
    parts: dict[str, Any] = dict.fromkeys(signature(Console).parameters)
    routes = [route for route in Console(**parts).routes() if isinstance(route, Route)]
    pages = {route.path for route in routes if "GET" in (route.methods or ())}
    assert pages | {"/docs", "/signin", ""} == set(PAGES) | PARTS


@pytest.mark.parametrize(
    "path", ["/palette", "/palette?q=orders", "/runs/{run}/lines", "/runs/{run}/log.txt"]
)
def test_what_pages_ask_for_is_no_page(console: BusyConsole, path: str) -> None:
    text = console.daemon.text(path.format(run=console.runs["failed"]))
    assert text
    assert "<html" not in text


def test_the_palette_and_the_shortcuts_have_no_fault_either(
    console: BusyConsole, shared: Browser
) -> None:
    with closing(shared.new_page(reduced_motion="reduce")) as page:
        page.goto(console.daemon.url)
        page.keyboard.press("?")
        assert faults(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        page.get_by_role("option").first.wait_for()
        assert faults(page) == []
