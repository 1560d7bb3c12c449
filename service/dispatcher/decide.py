"""The decision about one event: for every subscription one disposition, and the new runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from triphammer.config.errors import TriphammerError
from triphammer.config.ids import new_id
from triphammer.flows.graph import FlowDef
from triphammer.flows.params import fill_params
from triphammer.flows.typed_event import check_event
from triphammer.sensors.contract import Claim
from triphammer.sensors.event import Event
from triphammer.sensors.timers.source import TYPE as TICK
from triphammer.service.dispatcher.catalog import Catalog, Entry
from triphammer.service.dispatcher.ordering import order_key
from triphammer.service.store.contract import Decided, Disposition, NewRun

RUNS = "triphammer/runs"
"""The source of events that runs bring about."""
MANUAL = "manual"
"""The subscription of a run that somebody asked for."""
NO_PARAMS: Mapping[str, Any] = {}
LINEAGE = "triphammerlineage"
"""Extension attribute of those events: the flows that led to them, by comma."""


def decide(event: Event, catalog: Catalog, now: int, *, claim: Claim | None = None) -> Decided:
    """What `event` brings about under `catalog`: dispositions but `filtered` ones, and runs.

    Exactly one disposition a flow: `ran` as soon as one of its sources holds, else `error`
    when a predicate raised, else `filtered`, which is not stored: it can be recomputed.
    """
    verdicts = _verdicts(event, catalog.candidates(event))
    if not verdicts:
        return Decided(event=event, claim=claim)
    lineage = _lineage(event)
    dispositions: list[Disposition] = []
    runs: list[NewRun] = []
    for flow, verdict in verdicts.items():
        disposition, run = _conclude(catalog.flows[flow], verdict, event, lineage, now)
        dispositions.append(disposition)
        if run is not None:
            runs.append(run)
    return Decided(event=event, dispositions=tuple(dispositions), runs=tuple(runs), claim=claim)


def requested_run(
    flow: FlowDef, event: Event, params: Mapping[str, Any], now: int, lineage: tuple[str, ...] = ()
) -> tuple[Disposition, NewRun]:
    """The run that a `triphammer.run.requested` event asks for. Raises on params that misfit."""
    values = fill_params(flow, event, params)
    return _run(flow, event, values, (*lineage, flow.name), now, MANUAL)


def requested_on(
    flow: FlowDef, event: Event, params: Mapping[str, Any], now: int
) -> tuple[Disposition, NewRun]:
    """The run that is asked for on a stored event. Raises on data or params that misfit."""
    check_event(flow, event)
    return requested_run(flow, event, params, now, _lineage(event))


def again(
    flow: FlowDef,
    event: Event,
    *,
    subscription: str,
    now: int,
    params: Mapping[str, Any] = NO_PARAMS,
    lineage: tuple[str, ...] = (),
) -> NewRun:
    """A run of `flow` on an event of the past; without `lineage` it has that of the event.
    Raises on data or params that misfit."""
    check_event(flow, event)
    values = fill_params(flow, event, params)
    whole = lineage or (*_lineage(event), flow.name)
    _, run = _run(flow, event, values, whole, now, subscription)
    return run


def _lineage(event: Event) -> tuple[str, ...]:
    """The flows that led to `event`, oldest first."""
    return tuple(filter(None, str(event.extensions.get(LINEAGE, "")).split(",")))


def _verdicts(event: Event, entries: Sequence[Entry]) -> dict[str, str | None]:
    """Per flow: None when one of its entries holds, else what a predicate raised."""
    verdicts: dict[str, str | None] = {}
    for entry in entries:
        if verdicts.get(entry.flow, "") is None or not _patterns_hold(entry, event):
            continue
        if entry.predicate is None:
            verdicts[entry.flow] = None
            continue
        holds, error = _ask(entry, event)
        if holds:
            verdicts[entry.flow] = None
        elif error is not None:
            verdicts.setdefault(entry.flow, error)
        elif entry.flow not in verdicts:
            verdicts[entry.flow] = FILTERED
    return verdicts


FILTERED = "\0filtered"
"""A predicate said no: a row, because it cannot be recomputed from what is stored."""


def _patterns_hold(entry: Entry, event: Event) -> bool:
    return entry.implied.matches(event) and (entry.added is None or entry.added.matches(event))


def _ask(entry: Entry, event: Event) -> tuple[bool, str | None]:
    assert entry.predicate is not None
    try:
        return bool(entry.predicate(event)), None
    # Seam to user code: a predicate may raise anything, and that is an `error` disposition.
    except Exception as error:  # noqa: BLE001
        return False, f"the predicate of {entry.flow} raised {type(error).__name__}: {error}"


def _conclude(
    flow: FlowDef, verdict: str | None, event: Event, lineage: tuple[str, ...], now: int
) -> tuple[Disposition, NewRun | None]:
    name = flow.name
    if verdict == FILTERED:
        return Disposition(name, name, "filtered", "the predicate said no"), None
    if verdict is not None:
        return Disposition(name, name, "error", verdict), None
    if name in lineage:
        detail = f"caused by a run of {name} itself: {' > '.join(lineage)}"
        return Disposition(name, name, "loop", detail), None
    try:
        check_event(flow, event)
        values = fill_params(flow, event, {})
    except TriphammerError as error:
        return Disposition(name, name, "dead-lettered", str(error)), None
    disposition, run = _run(flow, event, values, (*lineage, name), now, name)
    return disposition, msgspec.structs.replace(run, alone=_is_alone(flow, event, run))


def _is_alone(flow: FlowDef, event: Event, run: NewRun) -> bool:
    """Whether the run is not to be made while another is open: a late tick waits."""
    if flow.mode != "single" or event.type == TICK:
        return False
    return flow.per is None or run.order_key is not None


def _run(
    flow: FlowDef,
    event: Event,
    values: Mapping[str, Any],
    lineage: tuple[str, ...],
    now: int,
    subscription: str,
) -> tuple[Disposition, NewRun]:
    path = flow.per or flow.order_by
    run = NewRun(
        id=new_id("run"),
        flow=flow.name,
        version=flow.version,
        subscription=subscription,
        params=msgspec.json.encode(values),
        created_at=now,
        lineage=lineage,
        order_key=None if path is None else order_key(path, event),
        parks=flow.per is None,
    )
    return Disposition(subscription, flow.name, "ran", None, run.id), run
