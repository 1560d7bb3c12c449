"""What a well-formed request may carry to do harm: it is refused, or told as what it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.acceptance.sound import everything_is_shown, nothing_went_wrong
from tests.sensors.deliveries import WHSEC, by_slack, by_standard, by_stripe
from triphammer.sensors.json_text import DEPTH
from triphammer.sensors.webhook.schemes import TOLERANCE

FLOWS = {
    "taking": """
from triphammer import Event, events, flow, secret, slack, standard, stripe, task, webhook

@task
def given(value: object) -> object:
    return value

@task
def deep() -> list:
    value = []
    for _ in range(500):
        value = [value]
    return value

@flow(on=[webhook("in"), events(type="deep")])
def taking(event: Event) -> object:
    return given(event.data)

@flow(on=[
    webhook("standard", verify=standard(secret("S"))),
    webhook("stripe", verify=stripe(secret("S"))),
    webhook("slack", verify=slack(secret("S"))),
])
def signed(event: Event) -> object:
    return given(1)

@flow
def manual(value: dict = {}):
    return given(value)

@flow
def digging():
    return deep()
"""
}
JSON = {"content-type": "application/json"}
EVENT = {"content-type": "application/cloudevents+json"}
SECRET = {"TRIPHAMMER_SECRETS__S": WHSEC}
Sign = Callable[[bytes, int, str], Mapping[str, str]]


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def deep_bodies(levels: int) -> Iterator[tuple[str, bytes, Mapping[str, str]]]:
    """The three doors with JSON of about so many levels, and what each of them wants besides."""
    yield "/hooks/in", nested(levels), JSON
    posted = b'{"specversion":"1.0","id":"%d","source":"s","type":"deep","data":%s}'
    yield "/api/v1/events", posted % (levels, nested(levels)), EVENT
    yield "/api/v1/flows/manual/runs", b'{"params":{"value":%s}}' % nested(levels - 2), JSON


def test_json_is_taken_to_a_depth_and_shown_everywhere(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    for levels in (1, DEPTH):
        for path, body, headers in deep_bodies(max(levels, 3)):
            answer = daemon.post(path, content=body, headers=headers)
            assert answer.status_code == 202, answer.text
    for levels in (DEPTH + 1, 900, 100_000):
        for path, body, headers in deep_bodies(levels):
            answer = daemon.post(path, content=body, headers=headers)
            assert (answer.status_code, "nested too deeply" in answer.text) == (400, True), path
    daemon.post("/api/v1/flows/digging/runs")
    daemon.wait_for_runs("taking", 4)
    daemon.wait_for_runs("manual", 2)
    daemon.wait_for_runs("digging")
    everything_is_shown(daemon)
    nothing_went_wrong(daemon)


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 50_000):
        yield b"x" * 50_000


DOORS = (
    "/hooks/in",
    "/hooks/nobody",
    "/api/v1/events",
    "/api/v1/flows/manual/runs",
    "/api/v1/deadletters/skip",
    "/nowhere",
)


def test_no_door_takes_a_body_of_any_size(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, "[limits]\nbody = '100KB'\n")
    for path in DOORS:
        for content in (b"x" * 150_000, chunks(150_000)):
            answer = daemon.post(path, content=content, headers=JSON)
            assert answer.status_code == 413, (path, answer.text)
            assert "[limits] body" in answer.json()["detail"]
    nothing_went_wrong(daemon)


def test_large_events_make_short_pages(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    text = {"content-type": "text/plain", "webhook-id": "0"}
    for number in range(5):
        headers = text | {"webhook-id": str(number)}
        assert daemon.post("/hooks/in", content=b"x" * 3_000_000, headers=headers).is_success
    daemon.wait_for_runs("taking", 5)
    assert [len(items) for items in pages_of(daemon, "/api/v1/events")] == [3, 2]
    nothing_went_wrong(daemon)


def pages_of(daemon: DaemonProcess, path: str) -> Iterator[list[Any]]:
    page = daemon.get(path, limit=500)
    while page["next"]:
        yield page["items"]
        page = daemon.get(path, limit=500, cursor=page["next"])
    yield page["items"]


BODIES = [
    ("application/json", b'{"\xff":1}'),
    ("application/json; charset=utf-16", b"\xff\xfe\x00"),
    ("application/json", b'"\\ud800"'),
    ("text/plain", b"\xc3\x28"),
    ("text/plain; charset=nothing", b"a"),
    ("application/x-www-form-urlencoded", b"a=%ff%fe"),
    ("application/x-www-form-urlencoded", b"a=\xff\xfe"),
    ("multipart/form-data; boundary=b", b"--b\r\n\xff\r\n\r\n--b--"),
    ("application/cloudevents+json", b'{"id":"\xff"}'),
    ("application/cloudevents-batch+json", b"[\xff]"),
]
PATHS = ["/hooks/in", "/api/v1/events", "/api/v1/flows/manual/runs", "/api/v1/deadletters/redrive"]


def test_bytes_that_are_no_text_are_refused_in_a_body(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    for path in PATHS:
        for content_type, body in BODIES:
            headers = {"content-type": content_type}
            answer = daemon.post(path, content=body, headers=headers)
            assert answer.status_code in (400, 415, 422), (path, content_type, answer.text)
    assert daemon.get("/api/v1/events")["items"] == []
    nothing_went_wrong(daemon)


KINDS = ("run", "event", "record", "message")
STRANGE = [
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\x00",
    b"\xc2\xb2",
    b"c\xc2\xb2",
    b"c" + b"9" * 40,
    b"-1",
    b"9" * 40,
    b"%",
    b"' OR 1=1 --",
    b"../../etc/passwd",
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59-14:00",
    b"x" * 5000,
]


def test_strange_parameters_are_answered_honestly(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    described = daemon.get("/openapi.json")["paths"]
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        for url in strange_urls(described):
            answer = client.get(url)
            assert answer.status_code in (200, 400, 404, 422), (url, answer.text)
        for id in ("rec_" + "9" * 40, "rec_²", "run_\x00", "/", "evt_1/"):
            answer = client.post("/api/v1/deadletters/skip", json={"ids": [id]})
            assert answer.status_code in (200, 404), (id, answer.text)
    nothing_went_wrong(daemon)


def strange_urls(described: Mapping[str, Any]) -> Iterator[str]:
    """Every strange value for every parameter of everything that can be read, and the pages'."""
    pages = ("/runs?flow=", "/runs?cursor=", "/events?cursor=", "/runs/", "/events/", "/flows/")
    cursors = [f"/api/v1/deadletters?cursor={kind}." for kind in KINDS]
    for path in (*pages, *cursors):
        yield from (path + quote(value) for value in STRANGE)
    for path, methods in described.items():
        if path == "/api/v1/stream":  # its answer does not end
            continue
        for parameter in methods.get("get", {}).get("parameters", ()):
            for value in map(quote, STRANGE):
                if parameter.get("in") == "path":
                    yield path.replace("{" + parameter["name"] + "}", value)
                elif parameter.get("in") == "query":
                    yield f"{path.replace('{', '').replace('}', '')}?{parameter['name']}={value}"


@pytest.mark.parametrize(
    ("path", "sign", "body"),
    [
        ("/hooks/standard", by_standard, b'{"a": 1}'),
        ("/hooks/stripe", by_stripe, b'{"id": "evt_1"}'),
        ("/hooks/slack", by_slack, b'{"event_id": "Ev1"}'),
    ],
)
def test_a_signed_delivery_counts_once_and_in_its_time(
    make_daemon: Serve, path: str, sign: Sign, body: bytes
) -> None:
    daemon = make_daemon(FLOWS, env=SECRET)

    def deliver(at: float, content: bytes = body) -> httpx.Response:
        headers = {**JSON, **sign(body, int(at), WHSEC)}
        return daemon.post(path, content=content, headers=headers)

    now = time.time()
    for away in (-TOLERANCE - 60, TOLERANCE + 60, -1e9, 1e9):
        late = deliver(now + away)
        assert (late.status_code, "s away from now" in late.text) == (401, True)
    assert deliver(now, body + b" ").status_code == 401
    assert daemon.get("/api/v1/events")["items"] == []
    first = deliver(now).json()
    assert (first["duplicate"], len(first["runs"])) == (False, 1)
    for again in (deliver(now), deliver(now), deliver(now - 200), deliver(now + 200)):
        assert again.status_code == 202
        assert again.json() == {**first, "duplicate": True, "runs": again.json()["runs"]}
    daemon.wait_for_runs("signed")
    assert len(daemon.runs()) == 1
    assert len(daemon.get("/api/v1/events")["items"]) == 1
    nothing_went_wrong(daemon)
