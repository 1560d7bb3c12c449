"""The page of a run in a real browser: following it, finding out why, acting on it."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLOWS = {
    "orders": '''
from pathlib import Path
from typing import Any
from triphammer import approve, context, finished, flow, group, start, task

def wait_for_file(name: str) -> None:
    """Until the test lets the task go on."""
    import os, select
    path = Path(name)
    fifo = os.open(path, os.O_RDWR)
    select.select([fifo], [], [])
    os.read(fifo, 1)

@task
def rows(n: int) -> list[int]:
    return list(range(n))

@task
def enrich(row: int) -> int:
    print(f"enriching {row}")
    if row == 3 and not Path("mended").exists():
        raise LookupError(f"no such row {row}")
    return row * 10

@task
def load(rows: list[int]) -> int:
    print("loaded", len(rows))
    return sum(rows)

@flow
def orders(n: int = 5):
    return load(enrich.map(rows(n)))

@task
def slow() -> str:
    print("first line")
    wait_for_file("go")
    print("\\x1b[31mlast\\x1b[0m line")
    return "done"

@flow
def watched():
    return slow()

@task
def ship(by: str) -> str:
    return f"shipped for {by}"

@flow(on=finished("watched"))
def after():
    start("reporting", {})

@flow
def release():
    return ship(approve("Ship it?")["by"])

@task
def fails(n: int) -> None:
    raise ValueError(f"no {n}")

@flow
def halting():
    for n in range(22):
        fails(n)
    approve("Go on?")

@task
def one(i: int) -> int:
    if i % 500 == 499:
        raise ValueError(f"bad {i}")
    return i

@flow
def thousands(n: int = 2000):
    one.map(rows(n))

@task
def crunch(n: int, *ups: int) -> int:
    return n

@flow
def wide():
    layer = [crunch(i) for i in range(20)]
    for depth in range(14):
        layer = [crunch(i, layer[i], layer[(i * 7 + depth) % 20]) for i in range(20)]

@task
def report() -> dict[str, Any]:
    keep = context().artifact
    script = "top.document.title = 'taken'; document.write('RAN')"
    keep("page.html", f"<h1>Hi</h1><script>{script}</script>", "text/html")
    text = "# Notes\\n\\n<script>alert(1)</script>\\n\\n**bold** [x](javascript:alert(1))"
    keep("notes.md", text, "text/markdown")
    drawing = "<svg onload='top.document.title=1'><text y='20'>drawn</text></svg>"
    keep("drawing.svg", drawing, "image/svg+xml")
    keep("rows.csv", "name,count\\n<b>tea</b>,3\\n", "text/csv")
    return {"chart": {"x": [1, 2, 3], "series": {"orders": [4, 5, 6]}, "title": "Orders"}}

@flow
def reporting():
    with group("reports"):
        return report()
''',
}


def begin(daemon: DaemonProcess, flow: str, **params: Any) -> str:
    """Start a run; its id."""
    answer = daemon.post(f"/api/v1/flows/{flow}/runs", json={"params": params})
    return str(answer.json()["id"])


def ended(daemon: DaemonProcess, run: str) -> Any:
    """The run, once it has ended."""
    known = ("succeeded", "failed", "cancelled")

    def look() -> Any:
        found = daemon.get(f"/api/v1/runs/{run}")
        return found if found["state"] in known else None

    return daemon.wait_until(look)


def opened(browser: Browser, address: str, errors: list[str] | None = None) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    if errors is not None:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(address)
    return page


def test_the_log_of_a_running_task_is_followed(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    (daemon.project / "go").unlink(missing_ok=True)

    os.mkfifo(daemon.project / "go")
    run = begin(daemon, "watched")
    errors: list[str] = []
    page = opened(browser, f"{daemon.url}/runs/{run}?tab=log", errors)
    expect(page.locator("ol.log li")).to_have_text(re.compile("first line"))
    page.evaluate("document.querySelector('ol.log li').dataset.seen = 'yes'")
    with (daemon.project / "go").open("wb") as go:
        go.write(b"x")
    expect(page.locator("ol.log li").nth(1)).to_contain_text("last line")
    expect(page.locator("ol.log li").first).to_have_attribute("data-seen", "yes")
    expect(page.locator("h1")).to_contain_text("succeeded")
    line = page.locator("ol.log li").nth(1)
    line.locator("a.at").click()
    expect(page).to_have_url(re.compile(rf"line=\d+#{line.get_attribute('id')}$"))
    page.get_by_label("Search").fill("LAST")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("ol.log li")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert "last line" in text
    assert "\x1b" not in text
    assert "first line" not in text
    assert errors == []


def test_why_a_run_failed_is_found_and_it_is_retried_from_there(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "orders")
    ended(daemon, run)
    page = opened(browser, f"{daemon.url}/runs/{run}")
    why = page.get_by_role("region", name="Why it ended failed")
    expect(why).to_contain_text("no such row 3")
    why.get_by_role("link", name="Its failed items").click()
    panel = page.locator("#task")
    expect(panel.locator("#items tbody tr")).to_have_count(1)
    panel.get_by_role("link", name="enrich[3]").click()
    expect(page.locator("#task")).to_contain_text("LookupError: no such row 3")
    expect(page.locator("#task ol.log li")).to_contain_text(["enriching 3"])
    (daemon.project / "mended").touch()
    page.get_by_role("button", name="Retry from enrich[3]").click()
    expect(page.locator("h1")).to_contain_text("succeeded")
    expect(page.locator(".run-facts")).to_contain_text("since it was retried")
    expect(page.locator("#tasks tr.whole .piece.ended title")).to_have_text(re.compile("had ended"))
    page.get_by_role("link", name="Event, messages, history").click()
    expect(page.get_by_role("region", name="Done to it")).to_contain_text("retry")


def test_all_that_failed_is_named_also_while_the_run_goes_on(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "halting")
    page = opened(browser, f"{daemon.url}/runs/{run}")
    so_far = page.get_by_role("region", name="Failed so far")
    expect(so_far.locator("#failed-too a")).to_have_count(20)
    expect(so_far.locator("#failed-too")).to_contain_text("and 1 more")
    page.get_by_role("button", name="Approve").click()
    why = page.get_by_role("region", name="Why it ended failed")
    expect(why.locator("#failed-too a")).to_have_count(20)
    why.locator("#failed-too a").first.click()
    expect(page.locator("#task")).to_contain_text("ValueError: no ")


def test_a_step_that_waits_is_approved(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "release")
    page = opened(browser, f"{daemon.url}/runs/{run}")
    expect(page.locator(".crumbs")).to_have_text("Flows / release / Runs")
    page.set_viewport_size({"width": 390, "height": 844})
    attempt = page.locator("#tasks td[data-label='attempt']").first
    label = attempt.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert "attempt" in label
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.locator("#tasks .piece.waiting").first).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("h1")).to_contain_text("succeeded")
    expect(page.locator(".run-facts")).to_contain_text("shipped for console")


def test_what_cannot_be_done_is_told_in_place(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "release")
    page = opened(browser, f"{daemon.url}/runs/{run}")
    page.get_by_text("Note and tags").click()
    page.get_by_label("Note", exact=True).fill("see <ticket>")
    page.get_by_label("Tags").fill("urgent night")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".note-text")).to_have_text("see <ticket>")
    expect(page.locator(".tag")).to_have_text(["urgent", "night"])
    page.locator("#cancel > summary").click()
    daemon.post(f"/api/v1/runs/{run}/cancel")
    ended(daemon, run)
    again = daemon.post(f"/runs/{run}/cancel", headers={"origin": daemon.url})
    assert again.status_code == 409
    assert "has already ended" in again.text
    refused = daemon.post(f"/runs/{run}/cancel", headers={"origin": "https://elsewhere.example"})
    assert refused.status_code == 403


def test_two_runs_are_compared(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    first = begin(daemon, "orders", n=2)
    ended(daemon, first)
    second = begin(daemon, "orders", n=5)
    ended(daemon, second)
    page = opened(browser, f"{daemon.url}/runs")
    for id in (first, second):
        page.locator(f"input[value='{id}']").check()
    page.get_by_role("button", name="Compare chosen runs").click()
    expect(page).to_have_url(re.compile("/runs/compare\\?run="))
    differing = page.locator("tr.differs")
    expect(differing.filter(has_text="no such row 3")).to_have_count(1)
    expect(page.locator("tr#parameters-n.differs td")).to_have_text(["5", "2"])
    expect(page.locator("tr#tasks-enrich.differs td")).to_contain_text(["failed", "succeeded"])
    expect(page.locator("tr#tasks-rows td")).to_contain_text(["succeeded", "succeeded"])


def test_a_map_of_two_thousand_is_one_node_with_its_items_in_pages(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "thousands")
    ended(daemon, run)
    errors: list[str] = []
    page = opened(browser, f"{daemon.url}/runs/{run}", errors)
    boxes = page.locator(".graph-canvas a.box")
    expect(boxes).to_have_count(2)
    expect(boxes.nth(1)).to_have_attribute(
        "aria-label", "one: 4 of 2000 failed; 4 failed, 1996 succeeded"
    )
    boxes.nth(1).click()
    expect(page.locator("#task-name")).to_contain_text("one")
    expect(page.locator("#items tbody tr")).to_have_count(50)
    page.get_by_role("link", name="More items").click()
    expect(page.locator("#items tbody tr").first).to_contain_text("one[50]")
    page.locator("#items .tabs").get_by_role("link", name="failed").click()
    expect(page.locator("#items tbody tr")).to_have_count(4)
    assert errors == []


def test_three_hundred_nodes_are_zoomed_and_searched(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "wide")
    ended(daemon, run)
    errors: list[str] = []
    page = opened(browser, f"{daemon.url}/runs/{run}", errors)
    boxes = page.locator(".graph-canvas a.box")
    expect(boxes).to_have_count(300)
    expect(page.locator(".graph-static")).to_be_hidden()
    world = page.locator(".graph-canvas > g")
    before = world.get_attribute("transform")
    page.get_by_role("button", name="Fit all of the graph").click()
    expect(world).not_to_have_attribute("transform", before or "")
    find = page.get_by_label("Find a task in the graph")
    find.fill("crunch_300")
    expect(page.locator(".graph-found")).to_have_text("1 task found")
    expect(page.locator("a.box.found")).to_have_count(1)
    expect(page.locator("a.box.found .label")).to_have_text("crunch_300")
    expect(page.locator("a.box.found")).to_be_in_viewport()
    page.locator("a.box.found").click()
    expect(page).to_have_url(re.compile("task=crunch_300"))
    expect(page.locator("a.box.selected")).to_have_count(1)
    assert errors == []


def test_a_graph_fits_beside_the_panel_of_a_task(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "orders")
    ended(daemon, run)
    page = opened(browser, f"{daemon.url}/runs/{run}")
    page.set_viewport_size({"width": 1280, "height": 800})
    boxes = page.locator(".graph-canvas a.box")
    expect(boxes).to_have_count(3)
    page.get_by_role("button", name="Fit all of the graph").click()
    boxes.last.click()
    expect(page.locator("#task-name")).to_be_visible()
    for box in boxes.all():
        expect(box).to_be_in_viewport(ratio=0.95)
    page.set_viewport_size({"width": 800, "height": 800})
    for box in boxes.all():
        expect(box).to_be_in_viewport(ratio=0.95)


def test_who_opens_a_group_by_keyboard_stands_in_it(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "reporting")
    ended(daemon, run)
    page = opened(browser, f"{daemon.url}/runs/{run}")
    page.get_by_role("button", name="Close groups").click()
    page.locator(".graph-canvas a.box.closed").focus()
    page.keyboard.press("Enter")
    inner = page.locator(".graph-canvas a.box")
    expect(inner.locator(".label")).to_have_text("report")
    expect(inner).to_be_focused()


def test_a_chart_follows_the_theme(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "reporting")
    ended(daemon, run)
    page = opened(browser, f"{daemon.url}/runs/{run}?tab=results")
    light = page.locator(".chart canvas").element_handle()
    for _ in range(2):  # light, then dark
        page.get_by_role("button", name="Theme").click()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert not light.evaluate("canvas => canvas.isConnected")
    expect(page.locator(".chart canvas")).to_be_visible()


def test_files_of_users_are_shown_where_they_can_do_nothing(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "reporting")
    ended(daemon, run)
    page = opened(browser, f"{daemon.url}/runs/{run}?tab=results")
    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator(".chart figcaption")).to_have_text("Orders")
    for name, text in (("page.html", "Hi"), ("notes.md", "Notes"), ("drawing.svg", "drawn")):
        frame = page.locator(f"iframe[title='{name}']")
        frame.scroll_into_view_if_needed()
        expect(frame).to_have_attribute("sandbox", "")
        shown = page.frame_locator(f"iframe[title='{name}']").locator("html")
        expect(shown).to_contain_text(text)
        expect(shown).not_to_contain_text("RAN", use_inner_text=True)
    notes = page.frame_locator("iframe[title='notes.md']")
    expect(notes.locator("strong")).to_have_text("bold")
    expect(notes.locator("a")).to_have_count(0)
    expect(page.get_by_role("cell", name="<b>tea</b>")).to_be_visible()
    assert page.title() != "taken"
    address = page.locator("iframe").first.get_attribute("src") or ""
    # Its address opened by itself is sandboxed too: an origin of nobody's, and no script.
    page.goto(daemon.url + address)
    assert page.evaluate("self.origin") == "null"
    expect(page.locator("html")).not_to_contain_text("RAN", use_inner_text=True)


CONTRAST = """element => {
    const canvas = document.createElement("canvas").getContext("2d");
    const light = colour => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        canvas.clearRect(0, 0, 1, 1);
        return alpha ? (red + green + blue) / 765 : null;
    };
    let behind = element, paper = null;
    while (behind && paper === null) {
        paper = light(getComputedStyle(behind).backgroundColor);
        behind = behind.parentElement;
    }
    return paper === null ? 0 : Math.abs(light(getComputedStyle(element).color) - paper);
}"""
"""How far the text of an element is from what it stands on; 0 where nothing is behind it."""


def test_what_is_shown_is_read_in_the_dark(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "reporting")
    ended(daemon, run)
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{daemon.url}/runs/{run}?tab=results")
    frame = page.locator("iframe[title='notes.md']")
    frame.scroll_into_view_if_needed()
    notes = page.frame_locator("iframe[title='notes.md']")
    expect(notes.locator("strong")).to_be_visible()
    assert notes.locator("strong").evaluate(CONTRAST) > 0.5
    expect(frame).to_have_css("color-scheme", "light")  # of HTML that says nothing of a scheme
    page.goto(f"{daemon.url}/runs/{run}")
    page.locator(".run-facts a[href^='/events/']").click()
    start = page.locator("#start-with > summary.button.primary")
    start.hover()
    assert start.evaluate(CONTRAST) > 0.3


def test_a_run_is_read_without_scripts(make_daemon: Serve, browser: Browser) -> None:
    daemon = make_daemon(FLOWS)
    run = begin(daemon, "orders")
    ended(daemon, run)
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{daemon.url}/runs/{run}")
    expect(page.locator(".graph-static svg .node")).to_have_count(3)
    page.locator("#tasks").get_by_role("link", name="enrich").click()
    expect(page.locator("#items tbody tr")).to_have_count(5)
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator("ol.log li")).to_have_count(5)


def test_what_caused_a_run_and_what_it_caused_is_linked(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS)
    os.mkfifo(daemon.project / "go")
    run = begin(daemon, "watched")
    with (daemon.project / "go").open("wb") as go:
        go.write(b"x")
    daemon.wait_for_runs("reporting")
    page = opened(browser, f"{daemon.url}/runs/{run}?tab=related")
    caused = page.get_by_role("region", name="Runs", exact=True)
    expect(caused.locator("tbody tr")).to_contain_text(["after"])
    expect(caused.locator("tbody tr")).to_contain_text(["its end"])
    caused.locator("tbody a").first.click()
    expect(page.locator(".run-facts")).to_contain_text("triphammer.run.finished")
    page.get_by_role("link", name="Event, messages, history").click()
    expect(caused.locator("tbody tr")).to_contain_text(["reporting"])
    page.locator(".run-facts").get_by_role("link", name="triphammer.run.finished").click()
    expect(page).to_have_url(re.compile("/events/evt_"))
