"""How long a connection waits for its client, and who goes when there is no room."""

from __future__ import annotations

import msgspec
import pytest

from tests.service.web.wire import LIMITS, Client, Wire, get, post, request, settle
from triphammer.service.web.connection import BODY_RATE, LINGER_SECONDS, UNREAD_SECONDS

pytestmark = pytest.mark.anyio

HEAD, BODY, KEPT = LIMITS.head_timeout, LIMITS.body_timeout, LIMITS.keep_alive


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_connection_that_says_nothing_is_closed() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(b"\r\n")
    await wire.wait(HEAD - 1)
    assert not client.ended
    await client.send(b"\r\n")
    await wire.wait(1)
    assert (client.ended, client.statuses) == (True, [])


async def test_a_head_has_its_time_however_it_trickles() -> None:
    wire = Wire()
    client = wire.connect()
    for byte in get()[: int(HEAD)]:
        assert not client.ended
        await client.send(bytes([byte]))
        await wire.wait(1)
    assert (client.ended, client.statuses) == (True, [408])
    assert wire.app.seen == []


async def test_a_body_has_its_time_and_what_it_earns() -> None:
    wire = Wire()
    client = wire.connect()
    body = b"x" * 50 * BODY_RATE
    wire.connections.limits = msgspec.structs.replace(LIMITS, bodies=len(body))
    await client.send(post(body)[: -len(body)])
    for second in range(50):
        await wire.wait(1)
        await client.send(body[second * BODY_RATE : (second + 1) * BODY_RATE])
    assert client.statuses == [200]
    assert wire.app.seen[0].body == body


async def test_a_body_that_trickles_is_refused() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(request("POST", "/a", "Content-Length: 1000"))
    for _ in range(int(BODY)):
        assert not client.ended
        await wire.wait(1)
        await client.send(b"x")
    await wire.wait(1)
    assert (client.ended, client.statuses, wire.app.gone) == (True, [408], 1)


async def test_a_body_that_pauses_is_refused_whatever_it_has_earned() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(post(b"x" * 9000)[:-1])
    await wire.wait(BODY - 1)
    assert client.statuses == []
    await wire.wait(1)
    assert client.statuses == [408]


async def test_chunk_extensions_earn_nothing() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(request("POST", "/a", "Transfer-Encoding: chunked"))
    while not client.ended:
        await client.send(b"1;" + b"x" * 1000 + b"\r\nx\r\n")
        await wire.wait(1)
    assert client.statuses == [408]
    assert wire.time <= BODY + 2


async def test_between_two_requests_a_connection_is_kept() -> None:
    wire = Wire()
    client = wire.connect()
    for _ in range(3):
        await client.send(get())
        await wire.wait(KEPT - 1)
    await client.send(get()[:5])
    await wire.wait(HEAD - 1)
    await client.send(get()[5:])
    assert client.statuses == [200] * 4
    await wire.wait(KEPT)
    assert client.ended
    assert client.statuses == [200] * 4


async def test_what_is_being_answered_has_all_the_time() -> None:
    wire = Wire()
    held, live = wire.connect(), wire.connect()
    await held.send(get("/held"))
    await live.send(get("/endless"))
    for _ in range(10):
        await wire.wait(1000)
    wire.app.may_answer.set()
    await held.send(b"")
    assert (held.statuses, live.statuses) == ([200], [200])
    assert not held.ended
    assert not live.ended


async def test_an_answer_that_nobody_reads_is_not_kept_for_ever() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(get("/endless"))
    for _ in range(5):
        await client.stop_reading()
        await wire.wait(UNREAD_SECONDS - 1)
        await client.read_on()
    assert not client.ended
    await client.stop_reading()
    await wire.wait(UNREAD_SECONDS)
    assert client.line.aborted


async def test_a_refused_client_that_stays_is_cut_off() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(b"nonsense\r\n\r\n")
    assert client.line.half_closed
    await client.send(b"x" * 100_000)
    await wire.wait(LINGER_SECONDS - 1)
    early = client.line.closed
    await wire.wait(1)
    assert (early, client.line.closed, client.line.aborted) == (False, True, False)
    await wire.wait(LINGER_SECONDS)
    assert (client.line.aborted, client.statuses) == (True, [400])


async def test_the_rest_of_a_body_that_was_answered_is_not_waited_for_long() -> None:
    wire = Wire()
    quick, slow = wire.connect(), wire.connect()
    await quick.send(post(b"x" * 100, "/early")[:-50], b"x" * 50)
    await slow.send(post(b"x" * 100, "/early")[:-50], b"x" * 49)
    assert (quick.statuses, slow.statuses) == ([200], [200])
    await wire.wait(LINGER_SECONDS)
    assert not quick.ended
    assert slow.ended


async def test_a_stream_with_half_a_body_is_not_kept() -> None:
    wire = Wire()
    client = wire.connect()
    await client.send(post(b"x" * 100, "/endless")[:-50])
    await wire.wait(BODY + 1)
    assert client.line.aborted
    assert client.statuses == [200]


# --- room ----------------------------------------------------------------------------------------


async def connect(wire: Wire, count: int) -> list[Client]:
    return [wire.connect() for _ in range(count)]


async def test_the_one_that_was_silent_for_longest_goes() -> None:
    wire = Wire()
    first, second, third = await connect(wire, 3)
    for client in (second, third, first):
        await client.send(get())
    wire.connect()
    assert [c.ended for c in (first, second, third)] == [False, True, False]
    assert wire.connections.refused == {"closed": 1}


async def test_one_that_has_brought_nothing_yet_goes_first() -> None:
    wire = Wire()
    known, *strangers = await connect(wire, 3)
    await known.send(get())
    for _ in range(5):
        strangers.append(wire.connect())
        await strangers[-1].send(get()[:5])
    assert [client.ended for client in (known, *strangers)] == [False, *[True] * 5, False, False]
    assert known.statuses == [200]


async def test_an_unfinished_request_goes_with_an_answer() -> None:
    wire = Wire()
    head, body, _ = await connect(wire, 3)
    await head.send(get()[:-1])
    await body.send(post(b"abc")[:-1])
    _ = await connect(wire, 3)
    await settle()
    assert head.ended
    assert body.ended
    assert (head.statuses, body.statuses, wire.app.gone) == ([503], [503], 1)
    assert b"retry-after: 1" in head.line.sent


async def test_what_is_being_answered_never_goes_for_another() -> None:
    wire = Wire()
    asking = await connect(wire, 3)
    for client in asking:
        await client.send(get("/held"))
    late = wire.connect()
    assert (late.ended, late.statuses) == (True, [503])
    wire.app.may_answer.set()
    for client in asking:
        await client.send(b"")
        assert client.statuses == [200]
    assert not wire.connect().ended


async def test_thousands_that_say_nothing_take_each_others_places() -> None:
    wire = Wire()
    good = wire.connect()
    silent: list[Client] = []
    for _ in range(1000):
        silent.append(wire.connect())
        await good.send(get())
    assert good.statuses == [200] * 1000
    assert sum(not client.ended for client in silent) == LIMITS.connections - 1


async def test_the_largest_unfinished_body_goes_when_bodies_are_too_much() -> None:
    wire = Wire()
    small, large, third = await connect(wire, 3)
    await small.send(post(b"x" * 3000)[:-1])
    await large.send(post(b"x" * 6000)[:-1])
    assert not large.ended
    await third.send(post(b"x" * 2000))
    assert (large.statuses, third.statuses) == ([503], [200])
    await small.send(b"x")
    assert small.statuses == [200]


async def test_a_body_finds_no_room_beside_those_that_are_handled() -> None:
    wire = Wire()
    handled, late, _ = await connect(wire, 3)
    await handled.send(post(b"x" * 9000, "/held"))
    await late.send(post(b"x" * 2000))
    assert late.statuses == [503]
    wire.app.may_answer.set()
    await handled.send(b"")
    assert handled.statuses == [200]
    again = wire.connect()
    await again.send(post(b"x" * 9900))
    assert again.statuses == [200]


async def test_one_line_a_minute_tells_of_them(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()
    for _ in range(50):
        await wire.connect().send(b"nonsense\r\n\r\n")
    for _ in range(200):
        await wire.wait(1)
    [record] = caplog.records
    assert "50 clients were turned away" in record.getMessage()
    assert "400: 50" in record.getMessage()
    [open, refused] = wire.connections.figures()
    assert refused.samples == ((("400",), 50.0),)
    assert open.samples[0][1] <= LIMITS.connections
