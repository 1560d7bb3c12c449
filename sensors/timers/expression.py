"""Cron expressions: checked when the flow is loaded, each fault shown at its place."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from triphammer.config.showing import shown
from triphammer.sensors.errors import SourceError

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""What crontab(5) calls by name."""

_FIELDS = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L or LW",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT, 5L, MON#2",
}
LONGEST = 1000
_START = datetime(2000, 1, 1, tzinfo=UTC)


def checked_expression(text: str) -> str:
    """`text` with single spaces, a nickname put in full.

    Raises SourceError that shows the text with a caret under the field that is wrong.
    """
    if len(text) > LONGEST:
        raise SourceError(f"cron({shown(text)}): longer than {LONGEST} characters")
    expression = NICKNAMES.get(text.strip().lower(), text)
    try:
        first = next(CronSim(expression, _START), None)
    except CronSimError as error:
        raise _fault(expression, str(error)) from error
    if first is None:
        raise _pointed(expression, "it never comes due", 0, len(expression))
    return " ".join(expression.split())


def _fault(text: str, reason: str) -> SourceError:
    places = [found.span() for found in re.finditer(r"\S+", text)]
    names = list(_FIELDS)[-len(places) :] if len(places) in (5, 6) else []
    name = reason.removeprefix("Bad ")
    if name not in names:
        return _wrong_number(text, places)
    begin, end = places[names.index(name)]
    why = f"the field {name} is wrong: {text[begin:end]!r} (allowed: {_FIELDS[name]})"
    return _pointed(text, why, begin, end)


def _wrong_number(text: str, places: list[tuple[int, int]]) -> SourceError:
    why = (
        f"{len(places)} fields, there must be 5 (minute hour day-of-month month day-of-week)"
        " or 6 (second first)"
    )
    begin, end = places[6] if len(places) > 6 else (len(text), len(text) + 1)
    return _pointed(text, why, begin, end)


def _pointed(text: str, why: str, begin: int, end: int) -> SourceError:
    caret = " " * begin + "^" * max(end - begin, 1)
    line = re.sub(r"\s", " ", text).encode("utf-8", "replace").decode()
    return SourceError(f"cron({text!r}): {why}\n    {line}\n    {caret}")
