from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.access.throttle import MOST, ROOM, SECONDS, Throttle, neighbourhood


def test_so_many_failures_then_one_each_while() -> None:
    throttle = Throttle()
    for _ in range(MOST):
        assert throttle.wait("a", 100.0) == 0
        throttle.failed("a", 100.0)
    assert throttle.wait("a", 100.0) == SECONDS
    assert throttle.wait("b", 100.0) == 0
    assert throttle.wait("a", 100.0 + SECONDS) == 0
    throttle.failed("a", 100.0 + SECONDS)
    assert throttle.wait("a", 100.0 + SECONDS) == SECONDS
    assert throttle.wait("a", 10_000.0) == 0


def test_memory_is_bounded_and_the_newest_are_kept() -> None:
    throttle = Throttle()
    for number in range(ROOM + 50):
        for _ in range(MOST):
            throttle.failed(str(number), 0.0)
    assert len(throttle) == ROOM
    assert throttle.wait("0", 0.0) == 0
    assert throttle.wait(str(ROOM + 49), 0.0) > 0


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=200))
def test_no_more_than_the_rate_get_through(pauses: list[float]) -> None:
    """Whatever the rhythm: in any stretch of time at most `MOST` plus one each `SECONDS`."""
    throttle, now, tried = Throttle(), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if throttle.wait("a", now) == 0:
            throttle.failed("a", now)
            tried.append(now)
    for first in range(len(tried)):
        for last in range(first, len(tried)):
            allowed = MOST + (tried[last] - tried[first]) / SECONDS
            assert last - first + 1 <= allowed + 1e-6


def test_who_counts_as_one_client() -> None:
    assert neighbourhood("10.0.0.1") != neighbourhood("10.0.0.2")
    assert neighbourhood("::ffff:10.0.0.1") == neighbourhood("10.0.0.1")
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8:0:1::1") != neighbourhood("2001:db8::1")
    assert neighbourhood("fe80::1%eth0") == neighbourhood("fe80::2")
    assert neighbourhood("") == ""
