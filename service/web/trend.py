"""How long the last runs of a flow took, as a chart and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from triphammer.service.store.looking import MICROSECOND, FlowStats, RecentRun


class TrendData(TypedDict):
    """What the chart's script reads: runs from the oldest to the newest, times in seconds."""

    at: list[float]
    took: list[float]
    state: list[str]
    run: list[str]
    p50: float | None
    p95: float | None


def trend_of(stats: FlowStats) -> list[RecentRun]:
    """The runs that took any time at all, the oldest first."""
    took = (run for run in stats.ended if run.seconds is not None)
    return sorted(took, key=lambda run: (run.created_at, run.id))


def trend_data(stats: FlowStats) -> TrendData:
    """The chart of these runs."""
    runs = trend_of(stats)
    return {
        "at": [run.created_at / MICROSECOND for run in runs],
        "took": [run.seconds or 0 for run in runs],
        "state": [run.state for run in runs],
        "run": [run.id for run in runs],
        "p50": stats.duration(0.5),
        "p95": stats.duration(0.95),
    }


class Bar(TypedDict):
    """One run of a strip. `size`: how long it took, as a share of the longest beside it."""

    id: str
    state: str
    size: float


def strip_of(runs: Sequence[RecentRun]) -> list[Bar]:
    """Bars of runs, given the newest first, from the oldest to the newest."""
    longest = max((run.seconds or 0 for run in runs), default=0) or 1
    return [
        {"id": run.id, "state": run.state, "size": (run.seconds or 0) / longest}
        for run in reversed(runs)
    ]


def strip_in_words(runs: Sequence[RecentRun]) -> str:
    """What a strip shows, for those who do not see it."""
    if not runs:
        return "no run has ended yet"
    if len(runs) == 1:
        return f"the only run that has ended: {runs[0].state}"
    states = [run.state for run in runs]
    told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return f"last {len(runs)} runs: {told}; the newest {states[0]}"
