"""Parsers of times: RFC 3339, cron, `every`, `at`; and what queries of the API say in text."""

from __future__ import annotations

from itertools import islice

from tests.chaos.fuzz.kept import NOW
from tests.chaos.fuzz.settings import text_of
from tests.chaos.fuzz.target import Target
from triphammer.sensors.errors import Rejected, SourceError
from triphammer.sensors.timers import at, cron, every
from triphammer.sensors.timers.schedule import Cron
from triphammer.sensors.timers.sensor import schedule_of
from triphammer.sensors.times import micros, parse_rfc3339, rfc3339, utc
from triphammer.service.outbox.retry_after import retry_after
from triphammer.service.web import paging

YEAR = 366 * 86_400 * 1_000_000
INT64 = 2**63
WORDS = (
    b"2026", b"-01", b"-31", b"T", b"t", b" ", b"09:30", b":00", b":60", b".123456789", b"Z",
    b"+09:00", b"-23:59", b"+24:00", b"0001-01-01", b"9999-12-31", b"W01-1", b"20260131",
)  # fmt: skip


def _rfc3339(data: bytes) -> None:
    time = parse_rfc3339(text_of(data))
    assert utc(micros(time)) == time
    assert parse_rfc3339(rfc3339(time)) == time


def _cron(data: bytes) -> None:
    """An accepted expression is also one that the timer can work with, in any zone."""
    text, _, zone = text_of(data).partition("\n")
    source = cron(text, tz=zone or None)
    schedule = schedule_of(source.options, "UTC")
    assert isinstance(schedule, Cron)
    first = list(islice(schedule.ticks_after(NOW), 3))
    assert first == sorted(set(first))
    for tick in first[:1]:
        assert tick > NOW
        assert schedule.is_due(tick)
        assert schedule.previous(tick + 1) == tick
    schedule.previous(NOW)
    schedule.newest(NOW - YEAR // 12, NOW)


def _every(data: bytes) -> None:
    period, _, jitter = text_of(data).partition("\n")
    source = every(period, jitter=jitter or 0)
    schedule = schedule_of(source.options, "UTC")
    assert NOW < (schedule.next_after(NOW) or 0) < INT64
    schedule.newest(NOW - YEAR, NOW)


def _at(data: bytes) -> None:
    source = at(text_of(data))
    schedule_of(source.options, "Asia/Seoul").next_after(NOW)


def _queries(data: bytes) -> None:
    text = text_of(data)
    value = paging.before(text) if text.startswith("c") else paging.micros(text, "since")
    assert value is not None
    assert -INT64 <= value < INT64


def _retry_after(data: bytes) -> None:
    """What a receiver answers is never refused: it is a time to wait, or nothing."""
    value = retry_after(data.decode("latin-1"), NOW)
    assert value is None or 0 <= value < float("inf")


TARGETS = (
    Target(
        "rfc3339",
        _rfc3339,
        ValueError,
        "no RFC 3339 time",
        (b"2026-01-31T09:30:00Z", b"2026-01-31t09:30:60.123456789+09:00"),
        WORDS,
    ),
    Target(
        "cron",
        _cron,
        SourceError,
        "cron",
        (
            b"0 6 * * *", b"*/5 8-18 1,15 JAN-DEC MON-FRI\nAsia/Seoul", b"@daily",
            b"30 0 2 L * *\nEurope/Berlin", b"0 0 29 2 MON#5", b"15 2 LW 3 5L\nAustralia/Lord_Howe",
        ),
        (
            b"*", b" ", b"/", b"-", b",", b"0", b"59", b"60", b"7", b"L", b"W", b"#", b"MON",
            b"FEB", b"31", b"29 2", b"@yearly", b"\t", b"\n", b"UTC", b"../UTC", b"Europe",
            b"1-5/2", b"?",
        ),
    ),
    Target(
        "every",
        _every,
        SourceError,
        "every|jitter",
        (b"30s", b"1h30m\n5s", b"0.5", b"100w"),
        (b"1", b"0", b".", b"ms", b"s", b"h", b"w", b"\n", b"-", b" "),
    ),
    Target(
        "at",
        _at,
        SourceError,
        r"at\(",
        (b"2026-01-31T09:30", b"2026-01-31T09:30:00+09:00", b"2026-W05-6"),
        WORDS,
    ),
    Target(
        "api-queries",
        _queries,
        Rejected,
        "cursor|since",
        (b"c123", b"2026-01-31T09:30:00Z"),
        (*WORDS, b"c", b"c1", "²".encode(), b"1", b"9223372036854775807"),
    ),
    Target(
        "retry-after",
        _retry_after,
        ValueError,
        "",
        (b"120", b"Fri, 31 Jan 2026 09:30:00 GMT"),
        (b"Fri", b",", b" ", b"31", b"Jan", b"2026", b":", b"GMT", b"-0000", b"+9999", b"1"),
    ),
)  # fmt: skip
