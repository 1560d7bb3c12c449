"""`breaker=`: when attempts of a task are held back because too many of them fail."""

from __future__ import annotations

import re
from typing import Literal, get_args

import msgspec

from triphammer.config.durations import DurationLike, seconds
from triphammer.config.errors import DurationError
from triphammer.flows.errors import GraphError
from triphammer.flows.places import user_place

WhenOpen = Literal["wait", "fail"]
COOLDOWN = "30s"
_FORM = re.compile(r"\s*(\d+)\s+in\s+(\S.*)")


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """So many `failures` within `window` seconds open it; `cooldown` seconds later one attempt is
    let through, the probe, and the others once it succeeds. `name`: None for that of the task."""

    failures: int
    window: float
    cooldown: float
    name: str | None = None
    when_open: WhenOpen = "wait"

    def __str__(self) -> str:
        text = f"{self.failures} in {self.window:g} s, cooldown {self.cooldown:g} s"
        named = text if self.name is None else f"{self.name}: {text}"
        return named if self.when_open == "wait" else f"{named}, fails when open"


def breaker(
    limit: str,
    *,
    cooldown: DurationLike = COOLDOWN,
    name: str | None = None,
    when_open: WhenOpen = "wait",
) -> Breaker:
    """A circuit breaker for `@task(breaker=...)`: `breaker("5 in 1m", cooldown="30s")`.

    So many failed attempts within that time open it. Then attempts wait (`when_open="fail"`: fail
    at once, as `BreakerOpen`, and are retried by `retries`); after each `cooldown` one is let
    through, and the rest once it succeeds. All tasks that give the same `name` share it. Raises
    `GraphError`.
    """
    try:
        return parse_breaker(limit, cooldown=cooldown, name=name, when_open=when_open)
    except (ValueError, DurationError) as error:
        place = user_place()
        raise GraphError(f"breaker({limit!r}): {error}", place.file, place.line) from error


def parse_breaker(
    limit: object,
    *,
    cooldown: DurationLike = COOLDOWN,
    name: str | None = None,
    when_open: WhenOpen = "wait",
) -> Breaker:
    """The breaker that `limit` describes. Raises ValueError, DurationError."""
    found = _FORM.fullmatch(limit) if isinstance(limit, str) else None
    if found is None or int(found[1]) < 1:
        raise ValueError('must be such as "5 in 1m": so many failed attempts within so long')
    window, rest = seconds(found[2]), seconds(cooldown)
    if window <= 0 or rest <= 0:
        raise ValueError("window and cooldown must be longer than nothing")
    if name is not None and not re.fullmatch(r"[^\s/]+", str(name)):
        raise ValueError("a name is a text without spaces and without /")
    if when_open not in get_args(WhenOpen):
        raise ValueError(f"when_open={when_open!r}: must be 'wait' or 'fail'")
    return Breaker(
        failures=int(found[1]), window=window, cooldown=rest, name=name, when_open=when_open
    )
