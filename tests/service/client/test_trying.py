"""When a request is sent again, decided without sending any."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.client.calls import Call
from triphammer.service.client.errors import Unreachable
from triphammer.service.client.sync import Client
from triphammer.service.client.trying import Limits, Outage, Trying

URL = "http://127.0.0.1:9"
LIMITS = Limits(retries=3, longest_wait=30.0, outage=10.0)
AGAIN, ONCE = Client.start("demo"), Client.deliver("orders")


def trying(limits: Limits = LIMITS) -> Trying:
    return Trying(AGAIN, URL, limits)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (200, {}, None),
        (404, {"retry-after": "1"}, None),
        (429, {"retry-after": "2"}, 2.0),
        (503, {"retry-after": "0"}, 0.0),
        (503, {"retry-after": "30"}, 30.0),
        (503, {"retry-after": "31"}, None),
        (503, {"retry-after": "-1"}, None),
        (503, {"retry-after": "Thu, 01 Jan 2027 00:00:00 GMT"}, None),
        (503, {}, None),
    ],
)
def test_a_busy_daemon(status: int, headers: dict[str, str], wait: float | None) -> None:
    assert trying().after_answer(status, headers) == wait


@given(st.lists(st.one_of(st.integers(0, 40), st.none()), max_size=20))
def test_it_ends_within_its_limits(troubles: list[int | None]) -> None:
    """Whatever the daemon does: numbers are what it asks to wait, None a lost connection."""
    one, waits = trying(), list[float]()
    for trouble in troubles:
        try:
            if trouble is None:
                wait: float | None = one.after_loss(httpx.ReadError("lost"))
            else:
                wait = one.after_answer(503, {"retry-after": str(trouble)})
        except Unreachable:
            break
        if wait is None:
            break
        waits.append(wait)
    assert len(waits) <= LIMITS.retries
    assert sum(waits) <= LIMITS.longest_wait


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (AGAIN, httpx.ConnectError("refused"), "no daemon at"),
        (AGAIN, httpx.ConnectTimeout("slow"), "no daemon at"),
        (AGAIN, httpx.ReadTimeout("slow"), "did not answer in time"),
        (ONCE, httpx.ReadError("lost"), "is not known"),
        (AGAIN, httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), "SSL_CERT_FILE"),
    ],
)
def test_what_is_not_sent_again(call: Call[Any], error: httpx.TransportError, told: str) -> None:
    one = Trying(call, URL, LIMITS)
    with pytest.raises(Unreachable, match=told):
        one.after_loss(error)


def test_a_daemon_that_is_restarted_is_waited_for() -> None:
    """Nobody there means no daemon, unless there was one a moment ago."""
    one = trying()
    waits = [one.after_loss(httpx.RemoteProtocolError("lost"))]
    waits += [one.after_loss(httpx.ConnectError("refused")) for _ in range(2)]
    assert waits == sorted(waits)
    with pytest.raises(Unreachable, match="no daemon at"):
        one.after_loss(httpx.ConnectError("refused"))


def test_a_stream_waits_for_so_long_and_from_new_after_each_time() -> None:
    outage, away = Outage(URL, LIMITS), httpx.ConnectError("refused")
    with pytest.raises(Unreachable):
        outage.lost(away, 1.0)
    for _ in range(2):
        outage.over()
        for _ in range(2):
            assert outage.lost(away, 5.0)[1] == 5.0
        with pytest.raises(Unreachable):
            outage.lost(away, 5.0)


def test_a_stream_that_breaks_off_at_once_is_no_endless_loop() -> None:
    outage = Outage(URL, LIMITS)
    outage.over()
    pauses = [outage.lost(None, 0.0)[1] for _ in range(50)]
    assert min(pauses) > 0
    with pytest.raises(Unreachable, match="is stopping"):
        [outage.lost(None, 0.0) for _ in range(1000)]
