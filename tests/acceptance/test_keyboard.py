"""The console by keyboard alone: the palette, the shortcuts, the theme."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLOWS = {
    name: f"""
from triphammer import flow, task

@task
async def work() -> int:
    return 1

@flow
def {name}() -> object:
    return work()
"""
    for name in ("orders", "reorder")
}


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


@pytest.fixture
def page(browser: Browser, daemon: DaemonProcess) -> Page:
    page = browser.new_page()
    page.goto(daemon.url + "/")
    return page


def test_the_palette_goes_to_a_flow(page: Page) -> None:
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type("order")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("orders")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "palette-1")
    expect(page.locator("#palette-1")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/flows/orders")


def test_the_palette_jumps_to_a_run_by_the_beginning_of_its_id(
    page: Page, daemon: DaemonProcess
) -> None:
    run = daemon.post("/api/v1/flows/orders/runs", json={}).json()["id"]
    page.keyboard.press("/")
    page.get_by_role("combobox").fill(run[:24])
    expect(page.get_by_role("option").first).to_contain_text(run)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{run}")


def test_the_palette_does_what_a_button_of_the_page_does(page: Page, daemon: DaemonProcess) -> None:
    page.goto(daemon.url + "/flows/orders")
    page.keyboard.press("/")
    page.keyboard.type("pause")
    expect(page.get_by_role("option").first).to_contain_text("Pause")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert daemon.get("/api/v1/flows/orders")["paused"]


def test_shortcuts_help_goes_and_comes_and_letters_are_letters_in_a_field(page: Page) -> None:
    help = page.get_by_role("dialog", name="Keyboard shortcuts")
    page.keyboard.press("?")
    expect(help).to_be_visible()
    page.keyboard.press("Escape")
    expect(help).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/runs")
    box = page.get_by_label("Flow", exact=True)
    box.focus()
    page.keyboard.type("/?gf")
    expect(box).to_have_value("/?gf")


def test_shortcuts_of_one_key_can_be_off(page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_label("Shortcuts of a single key").uncheck()
    page.reload()
    page.keyboard.press("/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_have_value("")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()


def test_the_theme_is_kept_in_the_browser(page: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    theme = page.get_by_role("button", name="Theme")
    theme.click()
    assert page.evaluate(paper) == light
    theme.click()
    dark = page.evaluate(paper)
    assert dark != light
    page.goto(page.url.rstrip("/") + "/runs")
    assert page.evaluate(paper) == dark
    expect(theme).to_have_accessible_name("Theme: dark")


def test_the_first_key_of_all_skips_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
