"""Rows of the lists of flows, runs and events, as commands print them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from triphammer.service.cli.output import Id, Moment

if TYPE_CHECKING:
    from triphammer.service.web import models
    from triphammer.service.web.looking_models import Failure

FLOWS = ("FLOW", "STATE", "LISTENS TO", "NEXT FIRE", "SUCCEEDED", "FAILED")
RUNS = ("RUN", "FLOW", "STATE", "CREATED", "ERROR")
FAILURES = ("FAILED", "FLOW", "STATE", "ENDED", "ERROR")
EVENTS = ("EVENT", "TYPE", "SOURCE", "SUBJECT", "RECEIVED")


def flow_rows(page: models.Flows) -> list[Sequence[Any]]:
    """Those that serve, then those that are removed."""
    listed: list[Any] = [*page["items"], *page["removed"]]
    return [
        (
            flow["name"],
            flow_state(flow),
            _listens_to(flow),
            Moment(flow.get("next_fire") or ""),
            flow["runs"].get("succeeded", 0),
            flow["runs"].get("failed", 0),
        )
        for flow in listed
    ]


def flow_state(flow: Any) -> str:
    """In a word. A broken flow serves at its last good version."""
    if "removed_at" in flow or flow["state"] == "removed":
        return "removed, paused" if flow["paused"] else "removed"
    if flow["error"] is not None:
        return "broken, paused" if flow["paused"] else "broken"
    return "paused" if flow["paused"] else "live"


def _listens_to(flow: Any) -> str:
    if "removed_at" in flow:
        left = sum(flow["runs"].get(state, 0) for state in ("queued", "running", "waiting"))
        return f"nothing; {left} runs go on" if left else "nothing"
    return ", ".join(flow["on"]) or "started by hand"


def run_rows(runs: Sequence[models.Run]) -> list[Sequence[Any]]:
    """One row a run."""
    return [
        (Id(run["id"]), run["flow"], run["state"], Moment(run["created_at"]), error_of(run))
        for run in runs
    ]


def failure_rows(failures: Sequence[Failure]) -> list[Sequence[Any]]:
    """One row a run that has failed."""
    return [
        (
            Id(run["id"]),
            run["flow"],
            run["state"],
            Moment(run["finished_at"] or ""),
            run["reason"],
        )
        for run in failures
    ]


def error_of(item: Any) -> str:
    """The error of a run or task in a line; nothing if it has none."""
    error = item["error"]
    return "" if error is None else f"{error['type']}: {error['message']}"


def event_rows(events: Sequence[models.Event]) -> list[Sequence[Any]]:
    """One row an event."""
    return [
        (
            Id(event["key"]),
            event["type"],
            event["source"],
            event["subject"],
            Moment(event["received_at"]),
        )
        for event in events
    ]
