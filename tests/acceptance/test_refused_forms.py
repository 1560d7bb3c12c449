"""Pages that answer a form: they stay live, and looking at them again sends nothing again."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLOWS = {
    "shop": """
from typing import Annotated

from pydantic import Field

from triphammer import approve, flow, task

@task
def pay(item: str) -> None:
    raise ValueError(item)

@flow
def shop(item: str = "tea", limit: Annotated[int, Field(gt=0)] = 10):
    pay(item)

@flow
def asks():
    approve("Go on?")
"""
}


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1200, "height": 900})


def start(daemon: DaemonProcess, flow: str) -> str:
    return str(daemon.post(f"/api/v1/flows/{flow}/runs").json()["id"])


def sent_by(page: Page) -> list[str]:
    """The addresses that the page posts to from now on."""
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.url)

    page.on("request", note)
    return sent


def test_a_refused_form_stays_filled_in_while_news_comes_and_is_not_sent_by_a_reload(
    daemon: DaemonProcess, page: Page
) -> None:
    page.goto(daemon.url + "/flows/shop")
    limit = page.locator("#start").get_by_label("limit")
    limit.fill("-3")
    page.locator("#start").get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("greater than 0")
    expect(page).to_have_url(daemon.url + "/flows/shop")
    expect(page.locator("#live")).to_have_text("live")
    run = start(daemon, "shop")
    expect(page.locator(f"#{run}")).to_contain_text("failed")
    expect(page.get_by_role("alert")).to_contain_text("greater than 0")
    expect(limit).to_have_value("-3")
    page.locator("#start").get_by_label("item").fill("coffee")
    run = start(daemon, "shop")
    expect(page.locator(f"#{run}")).to_contain_text("failed")
    expect(limit).to_have_value("-3")
    expect(page.locator("#start").get_by_label("item")).to_have_value("coffee")
    sent = sent_by(page)
    page.reload()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#live")).to_have_text("live")
    assert sent == []
    assert len(daemon.runs()) == 2


def test_a_refused_choice_of_dead_letters_tells_why_while_more_die(
    daemon: DaemonProcess, page: Page
) -> None:
    run = start(daemon, "shop")
    daemon.wait_for_runs("shop", state="failed")
    page.goto(daemon.url + "/deadletters?flow=shop")
    page.get_by_role("button", name="Redrive chosen").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was chosen")
    expect(page).to_have_url(daemon.url + "/deadletters?flow=shop")
    second = start(daemon, "shop")
    expect(page.locator(f"#letter-{second}")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("nothing was chosen")
    page.get_by_label(f"Choose run {run}").check()
    page.get_by_role("button", name="Redrive chosen").click()
    expect(page.get_by_role("heading", name="1 redriven")).to_be_visible()
    sent = sent_by(page)
    page.reload()
    expect(page.get_by_role("heading", name="Dead letters", exact=True)).to_be_visible()
    assert sent == []


def test_a_page_whose_news_is_refused_does_not_say_that_it_is_live(
    daemon: DaemonProcess, page: Page
) -> None:
    page.goto(daemon.url + "/runs")
    expect(page.locator("#live")).to_have_text("live")
    page.route("**/runs", lambda route: route.fulfill(status=404, body=""))
    start(daemon, "shop")
    expect(page.locator("#live")).to_have_text("not live")
    page.unroute("**/runs")
    run = start(daemon, "shop")
    expect(page.locator(f"#{run}")).to_contain_text("failed")
    expect(page.locator("#live")).to_have_text("live")


def test_the_address_of_a_form_leads_to_its_page(daemon: DaemonProcess) -> None:
    run = start(daemon, "asks")
    for path, page in {
        "/flows/shop/runs": "/flows/shop",
        "/flows/shop/pause": "/flows/shop",
        f"/runs/{run}/cancel": f"/runs/{run}",
        f"/runs/{run}/tasks/asks/answer": f"/runs/{run}",
        "/deadletters/redrive": "/deadletters",
        "/deadletters/skip": "/deadletters",
        "/tokens/tok_1/revoke": "/tokens",
        "/signout": "/",
    }.items():
        answer = httpx.get(daemon.url + path, headers={"Accept": "text/html"}, trust_env=False)
        assert (answer.status_code, answer.headers["location"]) == (303, page), path
        assert httpx.get(daemon.url + page, trust_env=False).status_code == 200, page
    assert httpx.get(f"{daemon.url}/flows/shop/runs", trust_env=False).status_code == 405
    assert httpx.get(f"{daemon.url}/api/v1/reload", trust_env=False).status_code == 405
