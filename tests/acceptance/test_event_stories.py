"""What people come to the console for when events come in and things go wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLOWS = {
    "orders": """
from pathlib import Path
from triphammer import Event, events, files, flow, task, webhook

@task
def book(item: str) -> str:
    if item == "kettle" and not Path("mended").exists():
        raise LookupError("no such item: kettle")
    return item

@flow(on=events(type="order").where({"data": {"amount": [{"numeric": [">", 0]}]}}))
def orders(event: Event):
    return book(event.data["item"])

@flow(on=webhook("shipped"))
def shipping(event: Event):
    return book("parcel")

@flow(on=files("inbox", "*.csv", ready="immediate"))
def intake(event: Event):
    return book(event.data["name"])
""",
}
CLOUDEVENT = {"content-type": "application/cloudevents+json"}


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    return make_daemon(FLOWS)


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1200, "height": 900})


def order(daemon: DaemonProcess, id: str, item: str, amount: int = 1) -> None:
    data = {"item": item, "amount": amount}
    event = {"specversion": "1.0", "id": id, "source": "shop", "type": "order", "data": data}
    assert daemon.post("/api/v1/events", json=event, headers=CLOUDEVENT).status_code == 202


def test_an_event_arrives_live_and_leads_to_its_run(daemon: DaemonProcess, page: Page) -> None:
    page.goto(f"{daemon.url}/events")
    expect(page.locator("#live")).to_have_text("live")
    expect(page.get_by_text("No events yet.")).to_be_visible()
    order(daemon, "1", "tea")
    row = page.get_by_role("row").filter(has_text='"item":"tea"')
    expect(row).to_be_visible()
    row.get_by_role("link", name="order").click()
    expect(page.get_by_role("heading", name="order")).to_be_visible()
    ran = page.locator("#for-orders")
    expect(ran).to_contain_text("it started a run")
    expect(page.locator("#for-shipping")).to_contain_text("asked for 'triphammer/webhook/shipped'")
    ran.get_by_role("link", name="run_").click()
    expect(page.get_by_role("heading", name="orders")).to_be_visible()
    expect(page.get_by_text("succeeded").first).to_be_visible()


def test_an_event_says_why_a_flow_did_not_run_and_is_emitted_again(
    daemon: DaemonProcess, page: Page
) -> None:
    order(daemon, "1", "tea", amount=-1)
    page.goto(f"{daemon.url}/events?text=tea")
    page.get_by_role("link", name="order").click()
    expect(page.locator("#for-orders")).to_contain_text("data.amount is -1, asked for > 0")
    page.get_by_text("Start a flow with it").click()
    page.get_by_label("Flow", exact=True).select_option("orders")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/runs/run_*")
    daemon.wait_for_runs("orders")
    page.go_back()
    first = page.url
    page.get_by_text("Emit again", exact=True).click()
    page.get_by_role("button", name="Emit it again").click()
    page.wait_for_url(lambda url: "/events/evt_" in url and url != first)
    assert len(daemon.get("/api/v1/events", type="order")["items"]) == 2


def test_a_dead_letter_is_redriven_once_its_cause_is_mended(
    daemon: DaemonProcess, page: Page
) -> None:
    order(daemon, "1", "kettle")
    daemon.wait_for_runs("orders", state="failed")
    page.goto(f"{daemon.url}/deadletters")
    row = page.get_by_role("row").filter(has_text="no such item: kettle")
    expect(row).to_be_visible()
    page.get_by_role("button", name="Redrive chosen").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was chosen")
    (Path(daemon.project) / "mended").touch()
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Redrive chosen").click()
    expect(page.get_by_role("heading", name="1 redriven")).to_be_visible()
    page.get_by_role("link", name="run_").click()
    expect(page.get_by_text("succeeded").first).to_be_visible()
    page.goto(f"{daemon.url}/deadletters")
    expect(page.get_by_text("There are no dead letters.")).to_be_visible()


def test_all_dead_letters_of_a_filter_are_skipped_after_a_question(
    daemon: DaemonProcess, page: Page
) -> None:
    for number in range(3):
        order(daemon, str(number), "kettle")
    daemon.wait_for_runs("orders", 3, "failed")
    page.goto(f"{daemon.url}/deadletters?flow=orders")
    page.get_by_role("link", name="Skip all of these").click()
    expect(page.get_by_role("heading", name="Skip 3 dead letters?")).to_be_visible()
    order(daemon, "later", "kettle")
    daemon.wait_for_runs("orders", 4, "failed")
    page.get_by_role("button", name="Skip all of them").click()
    expect(page.get_by_role("heading", name="3 skipped")).to_be_visible()
    assert len(daemon.get("/api/v1/deadletters")["items"]) == 1


def test_a_sensor_is_paused_and_takes_what_came_meanwhile_when_it_is_resumed(
    daemon: DaemonProcess, page: Page
) -> None:
    page.goto(f"{daemon.url}/sensors")
    page.get_by_role("link", name="files inbox").click()
    page.get_by_text("Pause", exact=True).click()
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_role("heading", name="inbox")).to_contain_text("paused")
    (daemon.project / "inbox" / "a.csv").write_text("x")
    hook = daemon.post("/api/v1/sensors/webhook:shipped/pause")
    assert hook.json()["paused"] is True
    refused = daemon.post("/hooks/shipped", json={})
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.post("/hooks/shipped", json={}).status_code == 503
    assert {s["id"] for s in daemon.get("/api/v1/sensors")["items"] if s["paused"]} == {
        "files:inbox",
        "webhook:shipped",
    }
    assert daemon.runs() == []
    page.goto(f"{daemon.url}/sensors/files:inbox")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name="inbox")).to_contain_text("works")
    daemon.wait_for_runs("intake")
    for _ in range(2):
        assert daemon.post("/api/v1/sensors/webhook:shipped/resume").status_code == 200
    assert daemon.post("/hooks/shipped", json={}).status_code == 202
    assert daemon.post("/api/v1/sensors/webhook:nobody/pause").status_code == 404
    actions = [item["action"] for item in daemon.get("/api/v1/audit")["items"]]
    assert actions.count("resume_sensor") == 3
