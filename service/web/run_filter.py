"""Which runs somebody wants to see: the filters of the list, as they stand in its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from triphammer.config.showing import shown
from triphammer.sensors.errors import Rejected
from triphammer.service.store.contract import Page
from triphammer.service.web.documents import RUN_STATES
from triphammer.service.web.paging import MOST_BYTES, before, micros

NAMES = ("flow", "state", "since", "until", "tag", "event")


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What was filled in, and the page that it means; `faults` by field."""

    filled: Mapping[str, str]
    page: Page
    faults: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def query(self) -> str:
        """The filters as they stand in an address."""
        return urlencode({name: value for name, value in self.filled.items() if value})


def read_run_filter(given: Mapping[str, str], limit: int) -> RunFilter:
    """The filters that an address holds. Raises `Rejected` 400 for a cursor that is none of
    ours."""
    filled = {name: given.get(name, "").strip() for name in NAMES}
    faults: dict[str, str] = {}
    since, until = (_time(name, filled[name], faults) for name in ("since", "until"))
    if filled["state"] and filled["state"] not in RUN_STATES:
        faults["state"] = f"{shown(filled['state'])} is no state of a run"
    page = Page(
        limit=limit,
        bytes=MOST_BYTES,
        before=before(given.get("cursor") or None),
        flow=filled["flow"] or None,
        state=filled["state"] or None,
        tag=filled["tag"] or None,
        event=filled["event"] or None,
        since=since,
        until=until,
    )
    return RunFilter(filled, page, faults)


def _time(name: str, text: str, faults: dict[str, str]) -> int | None:
    try:
        return micros(text or None, name)
    except Rejected:
        faults[name] = f"{shown(text)} is no day such as 2026-01-31, and no time"
        return None
