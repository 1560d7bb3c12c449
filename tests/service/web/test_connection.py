"""What a connection refuses, and how the bytes of many requests become those requests."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.web.wire import LIMITS, Seen, Wire, get, post, request
from triphammer.service.web.connection import HEADERS, PIPELINED

pytestmark = pytest.mark.anyio

CHUNKED = "Transfer-Encoding: chunked"
UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def chunked(body: bytes, size: int = 3) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


REQUESTS = [
    (get("/1"), "GET", b""),
    (post(b"body two", "/2"), "POST", b"body two"),
    (request("POST", "/3", CHUNKED) + chunked(b"body three"), "POST", b"body three"),
    (
        post(get("/smuggled"), "/4", *UPGRADE),
        "POST",
        get("/smuggled"),
    ),
    (request("POST", "/5", CHUNKED, *UPGRADE) + chunked(b"body five"), "POST", b"body five"),
    (get("/6", *UPGRADE), "GET", b""),
    (request("POST", "/7", CHUNKED) + b"1;x=y\r\n7\r\n0\r\nX-Trailer: t\r\n\r\n", "POST", b"7"),
]


@settings(max_examples=60)
@given(
    order=st.lists(st.sampled_from(range(len(REQUESTS))), min_size=1, max_size=12),
    cuts=st.lists(st.floats(0, 1), max_size=30),
)
def test_requests_are_the_same_however_they_are_cut(order: list[int], cuts: list[float]) -> None:
    stream = b"".join(REQUESTS[n][0] for n in order)
    at = sorted({0, len(stream), *(int(cut * len(stream)) for cut in cuts)})
    pieces = [stream[a:b] for a, b in pairwise(at)]

    async def run() -> None:
        wire = Wire()
        client = wire.connect()
        await client.send(*pieces)
        told = [(seen.method, seen.path, seen.body) for seen in wire.app.seen]
        assert told == [(REQUESTS[n][1], f"/{n + 1}", REQUESTS[n][2]) for n in order]
        assert client.statuses == [200] * len(order)
        assert not client.ended

    anyio.run(run)


async def test_headers_are_those_before_the_body() -> None:
    wire = Wire()
    client = wire.connect()
    body = chunked(b"abc").removesuffix(b"\r\n") + b"X-Id: 2\r\n\r\n"
    await client.send(request("POST", "/a", CHUNKED, "X-Id: 1") + body, get("/b"))
    first, second = wire.app.seen
    assert first == Seen(
        "POST", "/a", [(b"host", b"x"), (b"transfer-encoding", b"chunked"), (b"x-id", b"1")], b"abc"
    )
    assert second.headers == [(b"host", b"x")]


LARGE = "x" * LIMITS.head
HEADS = [
    (get("/" + LARGE), 414),
    (get("/a", f"X-Large: {LARGE}"), 431),
    (get("/a", *[f"X-{n}: {'x' * 99}" for n in range(20)]), 431),
    (get("/a", *["X: y"] * HEADERS), 431),
    (b"GET /" + LARGE.encode(), 414),
    (request("GET", "/a")[:-2] + b"X-Large: " + LARGE.encode(), 431),
    (request("GET", "/a")[:-2] + b"X: y\r\n" * (HEADERS + 1), 431),
    (b"\r\n" * LIMITS.head, 400),
    (request("POST", "/a", CHUNKED) + b"1;" + 6 * LARGE.encode(), 400),
    (request("POST", "/a", CHUNKED) + b"0\r\nX: " + 6 * LARGE.encode(), 400),
    (request("POST", "/a", CHUNKED) + b"0\r\n" + b"X: y\r\n" * (HEADERS + 2), 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
    (get("/a", "X: a\0b"), 400),
    (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (get("/a").replace(b"\r\n", b"\n"), 400),
]


@pytest.mark.parametrize(("sent", "status"), HEADS)
@pytest.mark.parametrize("size", [10_000, 100])
async def test_a_head_that_is_too_much_or_malformed(sent: bytes, status: int, size: int) -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(*[sent[at : at + size] for at in range(0, len(sent), size)])
    assert client.statuses == [status]
    assert client.ended
    assert b"application/problem+json" in client.line.sent
    assert wire.app.seen == []
    assert wire.connections.refused == {str(status): 1}


SMUGGLED = [
    ("Content-Length: 5", CHUNKED),
    (CHUNKED, "Content-Length: 5"),
    ("Content-Length: 5", "Content-Length: 6"),
    ("Content-Length: 5, 5",),
    ("Content-Length: +5",),
    ("Content-Length: 0x5",),
    ("Content-Length: 5 5",),
    ("Content-Length : 5",),
    ("Content-Length: 99999999999999999999",),
    ("Content-Length:\r\n 5",),
    ("Transfer-Encoding: xchunked",),
    ("Transfer-Encoding: chunked, identity",),
    ("Transfer-Encoding : chunked",),
    ("Transfer-Encoding: \x0bchunked",),
    (CHUNKED, "Transfer-Encoding: identity"),
    ("X: a\rTransfer-Encoding: chunked",),
]


@pytest.mark.parametrize("headers", SMUGGLED)
@pytest.mark.parametrize("upgrade", [(), UPGRADE])
async def test_no_two_readings_of_where_a_body_ends(
    headers: tuple[str, ...], upgrade: tuple[str, ...]
) -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(request("POST", "/a", *headers, *upgrade) + b"0\r\n\r\n" + get("/smuggled"))
    assert client.statuses == [400]
    assert client.ended
    assert wire.app.seen == []


async def test_what_came_before_nonsense_is_answered_before_the_end() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(get("/held") + get("/b") + b"nonsense\r\n\r\n" + get("/c"), get("/d"))
    assert client.statuses == []
    wire.app.may_answer.set()
    await client.send(b"")
    assert client.statuses == [200, 200]
    assert b"connection: close" in client.line.sent.split(b"/held")[1]
    assert client.ended
    assert [seen.path for seen in wire.app.seen] == ["/held", "/b"]


async def test_a_body_that_breaks_off_behind_another_request() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(get("/held") + request("POST", "/b", CHUNKED) + b"1\r\nx\r\n-1\r\n")
    wire.app.may_answer.set()
    await client.send(b"")
    assert client.statuses == [200]
    assert client.ended
    assert [seen.path for seen in wire.app.seen] == ["/held"]


async def test_a_body_that_breaks_off_is_refused_and_its_reader_told() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(request("POST", "/a", CHUNKED) + b"1\r\nx\r\n", b"-1\r\n")
    assert client.statuses == [400]
    assert wire.app.gone == 1


async def test_so_many_requests_wait_and_no_more() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(get("/held"), *[get(f"/{n}") for n in range(2 * PIPELINED)])
    wire.app.may_answer.set()
    await client.send(b"")
    assert [seen.path for seen in wire.app.seen] == ["/held", *(f"/{n}" for n in range(PIPELINED))]
    assert client.statuses == [200] * (PIPELINED + 1)
    assert client.line.sent.count(b"connection: close") == 1
    assert client.ended


async def test_a_client_that_goes_leaves_nobody_waiting() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(get("/endless") + get("/b") + request("POST", "/c", "Content-Length: 9"))
    await client.go()
    assert wire.app.gone == 1
    assert wire.app.seen == []


async def test_a_stop_ends_what_is_not_whole_and_answers_the_rest() -> None:
    wire = Wire()
    idle, head, body = wire.connect(), wire.connect(), wire.connect()
    await head.send(get()[:-1])
    await body.send(post(b"whole")[:-1])
    for client in (idle, head, body):
        client.shut_down()
        assert client.ended
    assert (idle.statuses, head.statuses, body.statuses) == ([], [503], [503])
    asked = Wire()
    client = asked.connect()
    await client.send(get("/held"))
    client.shut_down()
    asked.app.may_answer.set()
    await client.send(get("/late"))
    assert client.statuses == [200]
    assert client.ended
