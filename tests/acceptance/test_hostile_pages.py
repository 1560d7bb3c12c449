"""Whatever people and their data bring into the console is shown as the text that it is: on every
page that links lead to, in a real browser, nothing of it runs and nothing of it becomes a part of
the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

EVIL = (
    "<i class=evil>'\"><script>evil()</script><img src=x class=evil onerror=evil()>"
    "</textarea></title></style></script></pre><svg class=evil onload=evil()></svg>"
    "<a class=evil href=javascript:evil()>x</a>{{7*191}}${7*191}<iframe class=evil srcdoc=x>"
)
"""What comes in, in all places: any of it that becomes an element has the class `evil`."""
LINK = "javascript:evil()//"
REPORT = (
    "<h1>Report</h1><script>evil(); fetch('/hooks/in', {method: 'POST', body: 'evil'})</script>"
    "<script src=/static/console.js></script><link rel=stylesheet href=/static/console.css>"
    "<img src=/api/v1/runs><meta http-equiv=refresh content='0;url=/runs'>"
    "<form method=post action=/flows/taking/runs><button autofocus>x</button></form>"
    "<iframe src=/runs></iframe><object data=/runs></object><base href=/evil/>"
)
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="evil()"><script>evil()</script>'
    '<image href="/api/v1/runs"/><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml"'
    ' src="/runs"></iframe></foreignObject><text y="20">Drawing</text></svg>'
)
FLOWS = {
    "all": f"""
import logging
from typing import Annotated
from pydantic import BaseModel, Field
from triphammer import (
    Event, approve, chain, context, events, flow, group, publish, send_webhook, task, webhook
)

EVIL = {EVIL!r}
LINK = {LINK!r}
REPORT = {REPORT!r}
DRAWING = {DRAWING!r}

class Form(BaseModel):
    answer: str = Field(default=EVIL, title=EVIL, description=EVIL)

@task
def shown(value: object) -> object:
    print(EVIL)
    logging.getLogger(EVIL).warning(EVIL)
    kept = context().artifact
    kept("evil<i class=evil>.html", REPORT + EVIL, "text/html")
    kept("evil.svg", DRAWING, "image/svg+xml")
    kept("evil.md", "# x\\n[x](" + LINK + ")\\n\\n" + REPORT + EVIL, "text/markdown")
    kept("evil.csv", "a,b\\n" + EVIL + ",1\\n", "text/csv")
    kept("evil.json", '{{"a": "' + "<i class=evil>" + '"}}', "application/json")
    kept("evil.png", EVIL, "image/png")
    return [{{EVIL: EVIL, "url": LINK, "rows": value}}]

@task
def failing() -> None:
    raise ValueError(EVIL)

@task
def mapped(value: object) -> object:
    return value

@flow(on=[webhook("in"), events(type=EVIL)])
def taking(event: Event, text: Annotated[str, Field(description=EVIL, title=EVIL)] = EVIL):
    return shown(event.data)

@flow
def sending():
    send_webhook("http://127.0.0.1:9/" + EVIL, {{"text": EVIL}})

@flow
def broken(text: str = EVIL):
    chain(shown(1), failing())

@flow
def asking():
    chain(approve(EVIL, form=Form), shown(1))

@flow
def wide():
    mapped.map([EVIL, LINK])

taking.__doc__ = EVIL
""",
    "wrong": f"raise ValueError({EVIL!r})\n",
}
SETTINGS = '[outbox]\nfirst_retry = "10ms"\ngive_up_after = "100ms"\n'
WATCH = """
window.evil = () => console.error("EVIL ran");
addEventListener("securitypolicyviolation", (e) =>
    console.error("EVIL was stopped by the policy only: " + e.violatedDirective + " " + e.sample));
"""
"""A policy that has to step in is the second line of defence: the first has failed."""
LINKS = """(names) => names.flatMap((name) =>
    [...document.querySelectorAll(`[${name}]`)].map((found) => found.getAttribute(name)))
"""
SCRIPTS = "main script:not([src]):not([type='application/json'])"
HREFS = """() => [...document.querySelectorAll("[href]:not([download])")]
    .map((found) => found.getAttribute("href"))
"""
SHOWN = {".svg": "Drawing", ".html": "Report", ".md": "x"}
FRAMED = ("Content Security Policy", "sandboxed")
NAMED = re.compile(r"(?<=/flows/)[a-z]+|[0-9a-f]{16,}")
ALIKE = 6
"""Pages of one kind that are looked at."""
MOST_PAGES = 150
SUFFIXES = (".html", ".svg", ".md", ".csv", ".json", ".png")


class Reader:
    """One who looks at pages, and notes what should not be."""

    def __init__(self, daemon: DaemonProcess, browser: Browser) -> None:
        self.url = daemon.url
        self.wrong: list[str] = []
        self.met: set[str] = set()
        self.page: Page = browser.new_page(viewport={"width": 1200, "height": 900})
        self.page.add_init_script(WATCH)
        self.page.on("dialog", lambda dialog: self._note(f"a dialog: {dialog.message}"))
        self.page.on("pageerror", lambda error: self._note(f"a script failed: {error}"))
        self.page.on(
            "console",
            lambda message: self._hear(message.text) if message.type == "error" else None,
        )

    def _hear(self, text: str) -> None:
        # What frames of kept files are kept from is no fault. Where the policy of the page itself
        # steps in, the page says so by itself.
        if "EVIL" in text or not any(words in text for words in FRAMED):
            self._note(text)

    def _note(self, text: str) -> None:
        # What is answered with 4xx the browser calls an error, too.
        if not text.startswith("Failed to load resource"):
            self.wrong.append(f"{self.page.url}: {text}")

    def look(self, path: str) -> list[str]:
        """Open a page, wait until its scripts have drawn it, and give its links."""
        self.page.goto(self.url + path)
        self.page.evaluate("() => new Promise((done) => setTimeout(done, 0))")
        return self.judge()

    def judge(self) -> list[str]:
        """Look for what has become a part of the page; its links."""
        page = self.page
        for what in (".evil", "[onerror]", "[onload]", "[srcdoc]", SCRIPTS):
            if page.locator(what).count():
                self._note(f"{what} is an element: {page.locator(what).first.inner_html()[:200]}")
        if "<i class=evil>" in page.locator("body").inner_text():
            self.met.add(urlsplit(page.url).path.split("/")[1])
        if "1337" in page.locator("body").inner_text():
            self._note("a template was filled in")
        for link in page.evaluate(LINKS, ["src", "action", "formaction"]):
            self._check(link)
        links: list[str] = page.evaluate(HREFS)
        for link in links:
            self._check(link)
        return links

    def _check(self, link: str) -> None:
        if urlsplit(link.strip()).scheme not in ("", "http", "https"):
            self._note(f"a link of a strange kind: {link}")


def fill(daemon: DaemonProcess) -> None:
    """Let evil come in by every door."""
    event = {"specversion": "1.0", "id": EVIL, "source": EVIL, "type": EVIL, "subject": EVIL}
    headers = {"Content-Type": "application/cloudevents+json"}
    more = {"extra": EVIL, "data": {EVIL: [EVIL, {"url": LINK}]}}
    posted = daemon.post("/api/v1/events", json={**event, **more}, headers=headers)
    assert posted.status_code == 202, posted.text
    delivered = daemon.post(
        "/hooks/in", content=EVIL, headers={"X-Evil": EVIL, "Content-Type": "text/plain"}
    )
    assert delivered.status_code == 202
    for flow in ("taking", "sending", "broken", "asking", "wide"):
        asked = daemon.post(f"/api/v1/flows/{flow}/runs", headers={"Triphammer-By": EVIL[:200]})
        assert asked.status_code == 202
    (run,) = daemon.wait_for_runs("broken", state="failed")
    noted = httpx.patch(
        f"{daemon.url}/api/v1/runs/{run['id']}",
        json={"note": EVIL, "add_tags": ["<i/class=evil>", LINK]},
        trust_env=False,
    )
    assert noted.status_code == 200, noted.text
    marking = {"state": "failed", "reason": EVIL}
    assert daemon.post(f"/api/v1/runs/{run['id']}/mark", json=marking).status_code == 200
    state = f"{daemon.url}/api/v1/flows/taking/state/{quote(EVIL, safe='')}"
    assert httpx.put(state, json={"value": EVIL}, trust_env=False).status_code == 200
    daemon.wait_for_runs("asking", state="waiting")
    daemon.wait_for_runs("wide")
    daemon.wait_for_runs("taking", 3)
    daemon.wait_until(lambda: len(daemon.get("/api/v1/deadletters")["items"]) >= 2)


def pages(reader: Reader) -> Iterator[str]:
    """Every page that links lead to, one of each kind of address first."""
    seen, shapes, waiting = set[str](), Counter[str](), ["/"]
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        if path in seen or shapes[_shape(path)] == ALIKE:
            continue
        seen.add(path)
        shapes[_shape(path)] += 1
        yield path
        for link in reader.look(path):
            parts = urlsplit(link)
            inside = parts.netloc in ("", urlsplit(reader.url).netloc) and link.startswith(
                ("/", "?", "http")
            )
            bare = (
                "/api/",
                "/static/",
                "/metrics",
                "/openapi.json",
                "/livez",
                "/readyz",
                "/signout",
            )
            if inside and parts.path and not parts.path.startswith(bare):
                waiting.append(parts.path + (f"?{parts.query}" if parts.query else ""))


def _shape(path: str) -> str:
    """What addresses of pages of one kind have in common."""
    parts = urlsplit(path)
    return f"{NAMED.sub('*', parts.path)} {sorted(parse_qs(parts.query, keep_blank_values=True))}"


def test_nothing_that_comes_in_becomes_a_part_of_a_page(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS, SETTINGS)
    fill(daemon)
    reader = Reader(daemon, browser)
    looked_at = list(pages(reader))
    assert len(looked_at) > 30
    assert reader.met >= {"", "flows", "runs", "events", "deadletters"}
    for query in (
        "flow",
        "type",
        "source",
        "subject",
        "state",
        "tag",
        "q",
        "cursor",
        "next",
        "run",
    ):
        for path in ("/runs", "/events", "/deadletters", "/flows/taking", "/signin"):
            reader.look(f"{path}?{query}={quote(EVIL)}")
    for path in (
        f"/runs/{quote(EVIL, safe='')}",
        f"/events/{quote(EVIL, safe='')}",
        f"/flows/{quote(EVIL, safe='')}",
    ):
        reader.look(path)
    assert reader.wrong == []


def test_what_comes_while_a_page_is_open_is_text_as_well(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS, SETTINGS)
    reader = Reader(daemon, browser)
    for path in ("/", "/events", "/runs"):
        reader.look(path)
        expect(reader.page.get_by_text("live", exact=True).first).to_be_visible()
        before = reader.page.locator("main tr").count()
        daemon.post("/hooks/in", content=EVIL, headers={"Content-Type": "text/plain"})
        reader.page.wait_for_function(
            "(before) => document.querySelectorAll('main tr').length > before", arg=before
        )
        reader.judge()
    assert reader.wrong == []


def test_a_kept_file_that_is_shown_does_nothing_and_reaches_nothing(
    make_daemon: Serve, browser: Browser
) -> None:
    """In its frame on the page of the run, and opened by itself."""
    daemon = make_daemon(FLOWS, SETTINGS)
    daemon.post("/api/v1/flows/taking/runs")
    (run,) = daemon.wait_for_runs("taking")
    kept = daemon.get(f"/api/v1/runs/{run['id']}/artifacts")["items"]
    views = {
        Path(item["name"]).suffix: f"/artifacts/{item['digest']}/view"
        for item in kept
        if Path(item["name"]).suffix in (".html", ".svg", ".md")
    }
    reader = Reader(daemon, browser)
    asked: list[Request] = []
    reader.page.on("request", lambda request: asked.append(request))
    reader.page.goto(f"{daemon.url}/runs/{run['id']}?tab=results&task=shown")
    expect(reader.page.locator("iframe[sandbox='']")).to_have_count(len(views))
    for number in range(len(views)):
        frame = reader.page.frame_locator("iframe").nth(number)
        expect(frame.locator(":root")).to_be_attached()
    for suffix, view in views.items():
        asked.clear()
        reader.page.goto(daemon.url + view)
        expect(reader.page.get_by_text(SHOWN[suffix], exact=True).first).to_be_visible()
        assert reader.page.evaluate("window.origin") == "null", suffix
        assert [urlsplit(one.url).path for one in asked if one.response() is not None] == [view]
        assert urlsplit(reader.page.url).path == view
    assert [text for text in reader.wrong if "EVIL" in text] == []
    types = [event["type"] for event in daemon.get("/api/v1/events")["items"]]
    assert "triphammer.webhook.received" not in types
    assert types.count("triphammer.run.requested") == 1


def test_a_browser_saves_kept_files_or_shows_what_cannot_run(
    make_daemon: Serve, browser: Browser
) -> None:
    daemon = make_daemon(FLOWS, SETTINGS)
    daemon.post("/api/v1/flows/taking/runs")
    (run,) = daemon.wait_for_runs("taking")
    kept = daemon.get(f"/api/v1/runs/{run['id']}/artifacts")["items"]
    assert sorted(Path(item["name"]).suffix for item in kept) == sorted(SUFFIXES)
    reader = Reader(daemon, browser)
    for item in kept:
        answer = httpx.get(daemon.url + item["url"], trust_env=False)
        assert answer.headers["content-security-policy"].startswith("sandbox;"), item["name"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.headers["content-disposition"].startswith("inline"):
            assert item["media_type"] in ("application/json", "image/png")
            reader.page.goto(daemon.url + item["url"])
            assert reader.page.evaluate("window.origin") == "null"
            reader.judge()
        else:
            reader.look("/runs")
            with reader.page.expect_download() as saving:
                reader.page.evaluate("(url) => { location.href = url; }", item["url"])
            assert Path(saving.value.suggested_filename).suffix == Path(item["name"]).suffix
    assert [text for text in reader.wrong if "EVIL" in text] == []
