"""The console in a real browser: a run appears live, and its page tells what happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.conftest import Serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLOWS = {
    "shop": """
from triphammer import Event, flow, task, webhook

@task
def price(item: str) -> int:
    print(f"pricing {item}")
    return len(item)

@task
async def pay(amount: int) -> int:
    if amount > 5:
        raise ValueError("too expensive")
    return amount

@flow(on=webhook("order"))
def shop(event: Event) -> object:
    return pay(price(event.data["item"]))
""",
}


def test_a_run_appears_live_and_its_page_tells_why_it_failed(
    make_daemon: Serve, browser: Browser, tmp_path: Path
) -> None:
    daemon = make_daemon(FLOWS)
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    errors: list[str] = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.goto(daemon.url)
    expect(page.get_by_text("live", exact=True).first).to_be_visible()
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    daemon.post("/hooks/order", json={"item": "tea"})
    last = page.get_by_role("region", name="Last runs")
    expect(last.get_by_text("succeeded")).to_be_visible()
    daemon.post("/hooks/order", json={"item": "a golden teapot"})
    failed = page.get_by_role("region", name="Just failed")
    expect(failed.get_by_text("too expensive")).to_be_visible()
    failed.get_by_role("row").filter(has_text="shop").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Why it ended failed")).to_be_visible()
    expect(page.get_by_text("ValueError: too expensive").first).to_be_visible()
    expect(page.get_by_text("pricing a golden teapot")).to_be_visible()
    expect(page.locator("svg g.node.failed")).to_have_count(1)
    page.screenshot(path=tmp_path / "run.png", full_page=True)
    page.get_by_role("link", name="Events").click()
    expect(page.get_by_role("cell", name="triphammer.webhook.received").first).to_be_visible()
    assert errors == []


def test_the_pages_fit_a_phone_and_follow_the_dark_scheme(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS)
    daemon.post("/hooks/order", json={"item": "tea"})
    daemon.wait_for_runs("shop")
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    for path in ("/", "/runs", "/events", "/flows/shop"):
        page.goto(daemon.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, path
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(22, 24, 26)"
