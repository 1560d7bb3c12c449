"""When each task of a run ran, as bars on one line of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from triphammer.service.web.pages import seconds_of

NARROWEST = 0.5
"""Percent of the picture that the bar of a very short task takes."""


def bars(tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each begun task's share of the run's time, in percent from the run's first start."""
    begun = [task for task in tasks if task["started_at"]]
    if not begun:
        return []
    starts = [seconds_of(task["started_at"]) for task in begun]
    ends = [seconds_of(task["finished_at"] or task["started_at"]) for task in begun]
    first, span = min(starts), max(max(ends) - min(starts), 0.001)
    return [
        {
            "name": task["name"],
            "state": task["state"],
            **_bar((start - first) / span, (end - start) / span),
            "seconds": end - start,
        }
        for task, start, end in zip(begun, starts, ends, strict=True)
    ]


def _bar(start: float, length: float) -> dict[str, float]:
    """A bar that can be seen however short it is, and ends within the picture."""
    width = max(100 * length, NARROWEST)
    return {"left": round(min(100 * start, 100 - width), 2), "width": round(width, 2)}
