"""Pages that change under their reader: news comes in, and what the reader does stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLOWS = {
    "shop": """
from triphammer import Event, flow, task, webhook

@task
async def pay(item: str) -> str:
    return item

@flow(on=webhook("order"))
def shop(event: Event) -> object:
    return pay(event.data["item"])
""",
}
HIDDEN = """value => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1200, "height": 500})


def order(daemon: DaemonProcess, count: int) -> str:
    """Start so many runs; the id of the last."""
    answers = [daemon.post("/hooks/order", json={"item": "tea"}).json() for _ in range(count)]
    return str(answers[-1]["runs"][0])


def open_live(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#live")).to_have_text("live")


def test_what_is_typed_focused_and_selected_stays_while_rows_come(
    daemon: DaemonProcess, page: Page
) -> None:
    open_live(page, daemon.url + "/runs")
    box = page.get_by_label("Flow", exact=True)
    box.fill("half a na")
    box.evaluate("box => box.setSelectionRange(2, 6)")
    for _ in range(5):
        last = order(daemon, 4)
        expect(page.locator(f"#{last}")).to_contain_text("succeeded")
    assert box.evaluate("box => [box.value, box.selectionStart, box.selectionEnd]") == [
        "half a na",
        2,
        6,
    ]
    expect(box).to_be_focused()


def test_the_place_of_the_reader_and_the_row_under_the_keys_stay(
    daemon: DaemonProcess, page: Page
) -> None:
    order(daemon, 30)
    runs = daemon.wait_for_runs("shop", 30)
    open_live(page, daemon.url + "/runs")
    link = page.locator(f"#{runs[20]['id']} a").first
    link.evaluate("link => { link.mine = true; }")
    link.focus()
    place = page.evaluate("scrollY")
    last = order(daemon, 3)
    expect(page.locator(f"#{last}")).to_contain_text("succeeded")
    assert link.evaluate("link => link.mine === true"), "the row was made anew"
    expect(link).to_be_focused()
    assert page.evaluate("scrollY") >= place > 0


def test_what_is_opened_stays_open(daemon: DaemonProcess, page: Page) -> None:
    open_live(page, daemon.url + "/")
    parts = page.locator("details#parts")
    parts.locator("summary").click()
    last = order(daemon, 2)
    expect(page.locator(f"#{last}")).to_contain_text("succeeded")
    expect(parts).to_have_attribute("open", "")
    parts.locator("summary").click()
    last = order(daemon, 2)
    expect(page.locator(f"#{last}")).to_contain_text("succeeded")
    expect(parts).not_to_have_attribute("open", "")


def test_a_page_that_nobody_sees_asks_for_nothing_and_catches_up(
    daemon: DaemonProcess, page: Page
) -> None:
    open_live(page, daemon.url + "/runs")
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.evaluate(HIDDEN, True)
    page.on("request", note)
    last = order(daemon, 3)
    daemon.wait_for_runs("shop", 3)
    assert asked == []
    page.evaluate(HIDDEN, False)
    expect(page.locator(f"#{last}")).to_contain_text("succeeded")


def test_a_page_tells_that_the_daemon_is_gone_and_goes_on_with_the_next(
    daemon: DaemonProcess, page: Page
) -> None:
    open_live(page, daemon.url + "/runs")
    port = daemon.url.rpartition(":")[2]
    daemon.stop()
    expect(page.locator("#live")).to_have_text("not live")
    daemon.start("--port", port)
    expect(page.locator("#live")).to_have_text("live", timeout=30_000)
    last = order(daemon, 1)
    expect(page.locator(f"#{last}")).to_contain_text("succeeded")


def test_times_are_in_the_zone_of_the_reader_and_exact_under_the_pointer(
    daemon: DaemonProcess, browser: Browser
) -> None:
    run = order(daemon, 1)
    daemon.wait_for_runs("shop")
    created: str = daemon.get(f"/api/v1/runs/{run}")["created_at"]
    page = browser.new_context(timezone_id="Asia/Seoul").new_page()
    open_live(page, f"{daemon.url}/events/{daemon.get(f'/api/v1/runs/{run}')['event']}")
    time = page.locator("time:not([data-ago])").first
    expect(time).to_have_attribute("title", time.get_attribute("datetime") or "")
    hour = (int(created[11:13]) + 9) % 24
    expect(time).to_contain_text(f" {hour:02}:{created[14:16]}")
    expect(page.get_by_text("Asia/Seoul")).to_be_visible()


def test_the_page_can_be_read_without_scripts(daemon: DaemonProcess, browser: Browser) -> None:
    run = order(daemon, 1)
    daemon.wait_for_runs("shop")
    page = browser.new_context(java_script_enabled=False).new_page()
    for path in ("/", "/runs"):
        page.goto(daemon.url + path)
        expect(page.locator(f"#{run}")).to_contain_text("succeeded")
        expect(page.locator("time").first).to_contain_text("UTC")
        expect(page.locator(".scripted-only:visible")).to_have_count(0)
