"""What a list is narrowed by: the fields of its form, which are also those of its address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.datastructures import FormData, QueryParams

from triphammer.sensors.errors import Rejected
from triphammer.sensors.times import utc
from triphammer.service.web.paging import micros


def narrowed(values: QueryParams | FormData, names: Iterable[str]) -> dict[str, str]:
    """What a form was filled in with; an empty field asks for nothing."""
    found = {name: str(values.get(name) or "").strip() for name in names}
    return {name: text for name, text in found.items() if text}


def moment_fields(given: Mapping[str, str]) -> dict[str, str]:
    """`since` and `until` as fields for a date and time show them, in UTC."""
    return {name: _field(given.get(name, "")) for name in ("since", "until")}


def _field(text: str) -> str:
    try:
        found = micros(text or None, "")
        return "" if found is None else utc(found).isoformat()[:19]
    except (Rejected, OverflowError):  # no time, as the page says; or one that UTC has no year for
        return ""
