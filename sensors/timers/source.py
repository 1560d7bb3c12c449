"""The sources `every(...)`, `cron(...)` and `at(...)`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from triphammer.config.durations import DurationLike, parse_duration
from triphammer.config.errors import DurationError
from triphammer.config.showing import shown
from triphammer.config.source import Source
from triphammer.config.zones import zone_named
from triphammer.sensors.errors import SourceError
from triphammer.sensors.timers.expression import checked_expression

TYPE = "triphammer.timer.fired"
Missed = Literal["last", "all", "none"]
SHORTEST = timedelta(milliseconds=1)
FIRST_YEAR, LAST_YEAR = 2, 9998
"""Of the years around them a part has no time in some other zone."""


def every(
    period: DurationLike, *, now: bool = False, missed: Missed = "last", jitter: DurationLike = 0
) -> Source:
    """A tick each `period`, counted from the first start; with `now` the first comes at once.

    `missed` says what becomes of ticks that fell into a stop: the `"last"` one is made up
    for, `"all"` are, or `"none"`. `jitter` delays each event by up to that much; its due time
    stays. Raises SourceError.
    """
    length = _duration("every", period)
    if length < SHORTEST:
        raise SourceError(f"every({shown(period)}): the period must be at least 1 ms")
    schedule = {"kind": "every", "period": length // timedelta(microseconds=1), "now": now}
    written = f"every({_written(period)}{', now=True' if now else ''}"
    return _source(f"every {_seconds(length)}", schedule, written, missed, jitter)


def cron(
    expression: str,
    *,
    tz: str | ZoneInfo | None = None,
    missed: Missed = "last",
    jitter: DurationLike = 0,
) -> Source:
    """A tick at the times of a cron expression, with five fields or six (seconds first).

    `tz` is an IANA time zone, without it `[flows] timezone` holds. Daylight saving follows
    Debian's cron. `missed` and `jitter` as in `every`. Raises SourceError.
    """
    checked = checked_expression(expression)
    zone = None if tz is None else time_zone(tz, f"cron({shown(expression)})").key
    name = f"cron {checked}" + (f" {zone}" if zone else "")
    written = f'cron("{checked}"' + (f', tz="{zone}"' if zone else "")
    schedule = {"kind": "cron", "expression": checked, "tz": zone}
    return _source(name, schedule, written, missed, jitter)


def at(when: datetime | str, *, missed: Missed = "last", jitter: DurationLike = 0) -> Source:
    """One tick, at `when`: a datetime or its ISO 8601 text; without a zone `[flows] timezone`.

    A time that is past when the flow is first loaded never comes. `missed` and `jitter` as in
    `every`. Raises SourceError.
    """
    moment = _moment(when)
    text = moment.isoformat()
    return _source(f"at {text}", {"kind": "at", "time": text}, f'at("{text}"', missed, jitter)


def event_source(flow: str) -> str:
    """The CloudEvents source of the ticks of `flow`."""
    return f"triphammer/timer/{flow}"


def time_zone(name: str | ZoneInfo, where: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises SourceError."""
    if isinstance(name, ZoneInfo):
        return name
    zone = zone_named(name)
    if zone is None:
        raise SourceError(
            f"{where}: {shown(name)} is no IANA time zone such as 'UTC' or 'Europe/Berlin'"
        )
    return zone


def _source(
    name: str, schedule: Mapping[str, Any], written: str, missed: Missed, jitter: DurationLike
) -> Source:
    if missed not in get_args(Missed):
        raise SourceError(
            f"{written}): missed must be 'last', 'all' or 'none', not {shown(missed)}"
        )
    spread = _duration("jitter", jitter)
    if missed != "last":
        written += f', missed="{missed}"'
    if spread:
        written += f", jitter={_written(jitter)}"
    micro = timedelta(microseconds=1)
    return Source(
        kind="timer",
        name=f"{{flow}}/{name}",
        options={"schedule": schedule, "missed": missed, "jitter": spread // micro},
        match={"source": [event_source("{flow}")], "type": [TYPE]},
        per_flow=True,
        text=written + ")",
    )


def _duration(what: str, value: DurationLike) -> timedelta:
    try:
        return parse_duration(value)
    except DurationError as error:
        raise SourceError(f"{what}: {error}") from error


def _moment(when: datetime | str) -> datetime:
    """In UTC where a zone is given; else it is the settings' zone that says when it is."""
    try:
        moment = when if isinstance(when, datetime) else datetime.fromisoformat(when)
        if FIRST_YEAR <= moment.year <= LAST_YEAR:
            return moment if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"at({shown(when)}): that is no ISO 8601 time such as '2026-01-31T09:30'"
        ) from error
    raise SourceError(
        f"at({shown(when)}): only the years from {FIRST_YEAR} to {LAST_YEAR} can be put in UTC"
    )


def _seconds(length: timedelta) -> str:
    whole, rest = divmod(length // timedelta(microseconds=1), 1_000_000)
    return f"{whole}.{rest:06d}s" if rest else f"{whole}s"


def _written(value: DurationLike) -> str:
    return f'"{value}"' if isinstance(value, (str, timedelta)) else f"{value:g}"
