"""The form that asks for a backfill: what was filled in, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from triphammer.config.showing import shown
from triphammer.service.store.backfills import Only, Order

MOST_PARALLEL = 1000
FIELDS = ("from", "to", "order", "only", "again", "max_parallel")


@dataclass(frozen=True, slots=True)
class BackfillForm:
    """What a form holds, as text by the name of its field; `faults` by field, "" for what is
    wrong with all of it."""

    filled: Mapping[str, str]
    faults: Mapping[str, str] = field(default_factory=dict[str, str])

    def options(self) -> dict[str, Any]:
        """What `Backfills.asked` takes besides the flow. Only of a form without faults."""
        return {
            "begin": self.filled["from"],
            "end": self.filled["to"],
            "order": cast("Order", self.filled["order"]),
            "only": cast("Only", self.filled["only"]) if self.filled["only"] else None,
            "again": bool(self.filled["again"]),
            "max_parallel": int(self.filled["max_parallel"]),
        }

    def refused(self, reason: str) -> BackfillForm:
        """The same form with what its server said of it, beside the field that it names."""
        named = next((name for name in FIELDS if reason.startswith((f"{name}=", f"{name} "))), "")
        return BackfillForm(self.filled, {**self.faults, named: reason})


def read_backfill_form(given: Mapping[str, str]) -> BackfillForm:
    """The form that was sent; what no field can hold is named."""
    filled = {name: given.get(name, "").strip() for name in FIELDS}
    filled["order"] = filled["order"] or "oldest"
    filled["max_parallel"] = filled["max_parallel"] or "1"
    faults: dict[str, str] = {}
    for name in ("from", "to"):
        if not filled[name]:
            faults[name] = "give a day such as 2026-01-31, or a time"
    for name, choices in (("order", get_args(Order)), ("only", ("", *get_args(Only)))):
        if filled[name] not in choices:
            faults[name] = f"{shown(filled[name])} is none of the choices"
    if not _is_count(filled["max_parallel"]):
        faults["max_parallel"] = f"give a whole number from 1 to {MOST_PARALLEL}"
    return BackfillForm(filled, faults)


def _is_count(text: str) -> bool:
    return len(text) <= 4 and text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PARALLEL
