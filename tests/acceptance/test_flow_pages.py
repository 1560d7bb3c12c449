"""The pages of flows in a browser: start by a form, pause and resume, backfill, compare code."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOP = """
from typing import Annotated, Literal

from pydantic import Field

from triphammer import Event, flow, task, webhook

@task
def price(item: str) -> list[int]:
    if item == "teapot":
        raise ValueError("<b>too</b> expensive")
    return list(range(len(item)))

@task
async def pack(n: int) -> int:
    return n

@flow(on=webhook("order").where({"data": {"item": [{"prefix": "tea"}]}}))
def shop(
    event: Event,
    item: str = "tea",
    limit: Annotated[int, Field(gt=0, description="how much at most")] = 10,
    side: Literal["left", "right"] = "left",
):
    '''Takes <i>orders</i>.'''
    return pack.map(price(item))
"""
REPORT = """
from triphammer import Event, cron, flow, task

@task
async def work(due: str) -> str:
    return due

@flow(on=cron("0 6 * * *", tz="UTC"), mode="parallel")
def report(event: Event):
    return work(event.data["due"])
"""


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon({"shop": SHOP, "report": REPORT})


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1200, "height": 900})


def start(daemon: DaemonProcess, item: str) -> str:
    """The id of a run of `shop`, begun over HTTP."""
    answer = daemon.post("/api/v1/flows/shop/runs", json={"params": {"item": item}})
    return str(answer.json()["id"])


def test_a_run_is_started_by_the_form_once_what_was_wrong_is_mended(
    daemon: DaemonProcess, page: Page
) -> None:
    page.goto(daemon.url + "/flows/shop")
    expect(page.get_by_text("A request POST /hooks/order")).to_be_visible()
    expect(page.get_by_text("data.item begins with 'tea'")).to_be_visible()
    form = page.locator("#start")
    form.get_by_label("limit").fill("-3")
    form.get_by_label("side").select_option("right")
    form.get_by_role("button", name="Start").click()
    fault = page.get_by_role("alert")
    expect(fault).to_contain_text("greater than 0")
    expect(form.get_by_label("limit")).to_have_value("-3")
    expect(form.get_by_label("side")).to_have_value("right")
    assert daemon.runs() == []
    form.get_by_label("limit").fill("3")
    form.get_by_role("button", name="Start").click()
    page.wait_for_url(daemon.url + "/runs/run_*")
    (run,) = daemon.wait_for_runs("shop")
    assert page.url.removeprefix(daemon.url) == f"/runs/{run['id']}"
    assert (run["params"]["limit"], run["params"]["side"]) == (3, "right")


def test_the_form_can_be_linked_to_filled_in(daemon: DaemonProcess, page: Page) -> None:
    page.goto(daemon.url + "/flows/shop?item=teapot&limit=7")
    assert page.locator("#start").get_by_label("item").input_value() == "teapot"
    assert page.locator("#start").get_by_label("limit").input_value() == "7"


def test_flows_are_narrowed_by_name_and_stay_to_be_seen_when_their_file_is_gone(
    daemon: DaemonProcess, page: Page
) -> None:
    page.goto(daemon.url + "/flows?q=repo")
    expect(page.locator("#flow-report")).to_contain_text("cron")
    expect(page.locator("#flow-shop")).to_have_count(0)
    start(daemon, "tea")
    daemon.wait_for_runs("shop")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#flow-shop")).to_contain_text("100 %")
    expect(page.get_by_role("img", name="the only run that has ended: succeeded")).to_be_visible()
    (daemon.project / "flows" / "shop.py").unlink()
    page.locator("#removed-shop").get_by_role("link", name="shop").click()
    expect(page.get_by_text("It serves no more")).to_be_visible()
    expect(page.get_by_role("heading", name="What started it")).to_be_visible()
    expect(page.get_by_role("heading", name="Start a run")).to_have_count(0)


def test_a_flow_is_paused_and_resumed(daemon: DaemonProcess, page: Page) -> None:
    page.goto(daemon.url + "/flows/shop")
    page.get_by_role("button", name="Pause").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("paused")
    run = start(daemon, "tea")
    queued = page.locator(".stat", has_text="Queued").locator(".value")
    expect(queued).to_have_text("1")
    assert daemon.get(f"/api/v1/runs/{run}")["state"] == "queued"
    page.goto(daemon.url + "/flows")
    expect(page.locator("#flow-shop").get_by_text("paused")).to_be_visible()
    expect(page.locator("#flow-shop").get_by_text("1 queued")).to_be_visible()
    page.goto(daemon.url + "/flows/shop")
    page.get_by_role("button", name="Resume").click()
    expect(heading).not_to_contain_text("paused")
    expect(page.locator(f"#col-{run}").get_by_role("link", name="succeeded")).to_be_visible()
    expect(queued).to_have_text("0")


def test_past_ticks_are_made_up_for_after_a_look(daemon: DaemonProcess, page: Page) -> None:
    page.goto(daemon.url + "/flows/report")
    page.get_by_role("link", name="Backfills").click()
    page.get_by_label("From (needed)").fill("2026-03-32")
    page.get_by_label("To (needed)").fill("2026-03-05")
    page.get_by_role("button", name="Show what would run").click()
    expect(page.get_by_role("alert")).to_contain_text("from='2026-03-32' is no date")
    expect(page.get_by_label("To (needed)")).to_have_value("2026-03-05")
    page.get_by_label("From (needed)").fill("2026-03-01")
    page.get_by_label("At once").fill("2")
    page.get_by_role("button", name="Show what would run").click()
    expect(page.get_by_text("5 of 5 ticks")).to_be_visible()
    assert daemon.runs() == []
    page.get_by_role("button", name="Begin: run 5 ticks").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")
    expect(page.get_by_text("5 of 5 ticks done")).to_be_visible()
    assert len(daemon.runs("report", "succeeded")) == 5
    page.get_by_role("navigation", name="Where this is").get_by_text("Backfills").click()
    expect(page.get_by_role("row", name="succeeded")).to_have_count(1)
    page.goto(daemon.url + "/flows/shop/backfills")
    expect(page.get_by_text("There is nothing to make up for.")).to_be_visible()


def test_how_runs_went_can_be_read_without_scripts(daemon: DaemonProcess, browser: Browser) -> None:
    good, bad = start(daemon, "tea"), start(daemon, "teapot")
    daemon.wait_for_runs("shop", state="failed")
    daemon.wait_for_runs("shop")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(daemon.url + "/flows/shop")
    expect(page.locator(".stat", has_text="Succeeded").locator(".value")).to_have_text("50 %")
    grid = page.get_by_role("region", name="Recent runs by task")
    expect(grid.get_by_role("link", name="price: succeeded")).to_have_attribute(
        "href", f"/runs/{good}?task=price#task"
    )
    expect(grid.get_by_role("link", name="price: failed")).to_be_visible()
    expect(grid.get_by_role("link", name="pack: succeeded, 3 items")).to_be_visible()
    expect(page.get_by_role("region", name="Last failures")).to_contain_text("<b>too</b> expensive")
    for summary in page.get_by_text("As a table").all():
        summary.click()
    expect(page.get_by_role("region", name="How long the last runs took")).to_contain_text(bad[:20])
    assert daemon.get(f"/api/v1/runs/{bad[:20]}")["id"] == bad  # what is shown can be asked for
    days = page.get_by_role("region", name="Days with runs")
    days.get_by_role("link").click()
    expect(page.locator(f"#{good}")).to_be_visible()
    expect(page.locator(f"#{bad}")).to_be_visible()


def test_a_chart_shows_each_run_and_leads_to_it(daemon: DaemonProcess, page: Page) -> None:
    errors: list[str] = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    run = start(daemon, "tea")
    daemon.wait_for_runs("shop")
    page.goto(daemon.url + "/flows/shop")
    chart = page.locator("#trend")
    data = json.loads(chart.get_attribute("data-trend") or "")
    assert (data["run"], data["state"]) == ([run], ["succeeded"])
    chart.locator(".u-over").hover()
    expect(page.locator("figure output")).to_contain_text("succeeded")
    second = start(daemon, "tea")
    expect(page.locator(f"#col-{second}").get_by_role("link", name="succeeded")).to_be_visible()
    expect(chart.locator("canvas")).to_have_count(1)
    chart.locator(".u-over").click()
    page.wait_for_url(daemon.url + "/runs/run_*")
    assert errors == []


def test_versions_are_compared_line_by_line(daemon: DaemonProcess, page: Page) -> None:
    file = daemon.project / "flows" / "shop.py"
    changed = SHOP.replace("return n\n", "return n + 1  # </pre><script>alert(1)</script>\n")
    file.write_text(changed)
    daemon.wait_until(lambda: len(daemon.get("/api/v1/flows/shop/versions")["items"]) == 2)
    page.goto(daemon.url + "/flows/shop/versions")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("ins")).to_have_text("+    return n + 1  # </pre><script>alert(1)</script>")
    expect(page.locator("del")).to_have_text("-    return n")
    page.get_by_role("row", name="live").get_by_role("link").click()
    expect(page.get_by_text("return n + 1")).to_be_visible()


def test_runs_are_narrowed_and_chosen_to_compare(daemon: DaemonProcess, page: Page) -> None:
    good, bad = start(daemon, "tea"), start(daemon, "teapot")
    daemon.wait_for_runs("shop", state="failed")
    daemon.wait_for_runs("shop")
    page.goto(daemon.url + "/runs")
    page.get_by_label("Since").fill("yesterday")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("'yesterday' is no day")
    page.get_by_label("Since").fill("2026-01-01")
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(f"#{bad}")).to_be_visible()
    expect(page.locator(f"#{good}")).to_have_count(0)
    page.get_by_role("link", name="Show all").click()
    for run in (good, bad):
        page.locator(f"#{run}").get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare chosen runs").click()
    page.wait_for_url(daemon.url + f"/runs/compare?run={bad}&run={good}")
