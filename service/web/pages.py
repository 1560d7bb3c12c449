"""Makes pages of templates: what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from triphammer.config.errors import TriphammerError
from triphammer.service.health import Health
from triphammer.service.web import models, views
from triphammer.service.web.assets import Assets
from triphammer.service.web.sparks import line, under
from triphammer.service.web.timing import lasting

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY}
PAGE = 50
"""Rows of a list on one page."""
UNITS = ("kB", "MB", "GB", "TB")
NO_MORE: Mapping[str, str] = {}


class Pages:
    """`guarded`: who sees a page has signed in, and can sign out. `mask` hides the secrets that
    values of users hold."""

    def __init__(self, health: Health, *, guarded: bool, mask: Callable[[str], str]) -> None:
        self._health = health
        self.mask = mask
        named: dict[str, Any] = {"asset": Assets().url, "spark_line": line, "spark_under": under}
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(named)
        self._templates.filters["duration"] = duration
        self._templates.filters["took"] = took
        self._templates.filters["moment"] = views.moment
        self._templates.filters["rate"] = rate
        self._templates.filters["masked"] = mask
        self._templates.filters["bytes"] = size_of
        self._templates.filters["pretty"] = lambda value: mask(pretty(value))
        self._guarded = guarded

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] = NO_MORE,
        address: str = "",
        **values: Any,
    ) -> Response:
        """The page that a template makes of `values`. What answers a form stands at the form's
        address, where no page is: `address` is the one to look at again, and to share."""
        common = {"ready": self._health.ready, "guarded": self._guarded, "address": address}
        text = self._templates.get_template(template).render(**common, **values)
        return HTMLResponse(text, status_code=status, headers={**HEADERS, **headers})

    def missing(self, error: TriphammerError, status: int = 404) -> Response:
        """The page that says why there is nothing to see, or why nothing was done."""
        return self.fault(status, str(error))

    def fault(
        self,
        status: int,
        reason: str,
        headers: Mapping[str, str] = NO_MORE,
        *,
        again: bool = False,
        address: str = "",
    ) -> Response:
        """The page of an answer that is none: what is wrong, and what to do. `again`: it looks
        again by itself. `address`: where to look instead."""
        title = HTTPStatus(status).phrase
        values = {"title": title, "number": status, "reason": reason, "again": again}
        return self.page("fault.html", status=status, headers=headers, address=address, **values)


def duration(item: models.Run | models.Task) -> str:
    """How long a run or task took, in the unit that fits."""
    if not item["started_at"] or not item["finished_at"]:
        return ""
    return took(seconds_of(item["finished_at"]) - seconds_of(item["started_at"]))


def took(seconds: float | None) -> str:
    """A length of time in the unit that fits; nothing for None."""
    return "" if seconds is None else lasting(seconds)


def rate(per_second: float) -> str:
    """How often something comes, by the unit in which it comes at least once."""
    for seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        count = per_second * seconds
        if count >= 1:
            return f"{count:,.0f}/{unit}" if count >= 100 else f"{count:.3g}/{unit}"
    return "0/s" if per_second <= 0 else "under 1/h"


def size_of(size: int) -> str:
    """Bytes in the unit that fits."""
    if size < 1000:
        return f"{size} bytes"
    shown = float(size)
    for unit in UNITS:
        shown /= 1000
        if shown < 999.5:
            return f"{shown:.3g} {unit}"
    return f"{shown:,.0f} {UNITS[-1]}"


def seconds_of(text: str) -> float:
    """A time of the API in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def pretty(value: Any) -> str:
    """A value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
