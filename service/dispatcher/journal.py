"""The engine's journal: turns changes of runs into units, and their ends into events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from triphammer.config.clock import Clock
from triphammer.config.errors import TriphammerError
from triphammer.flows.journal import Posted, RunChange, StartRequest, TaskRow, Wait
from triphammer.service.dispatcher.active import ActiveRuns
from triphammer.service.dispatcher.decide import MANUAL, RUNS, decide, requested_run
from triphammer.service.dispatcher.dispatcher import Dispatcher
from triphammer.service.dispatcher.finished import FINISHED, finished_event, requested_event
from triphammer.service.dispatcher.flow_state import FlowStates
from triphammer.service.hub import Hub, News
from triphammer.service.notices import Notices
from triphammer.service.observer import Observer
from triphammer.service.store.contract import (
    ENDED,
    Decided,
    Disposition,
    Outcome,
    Progress,
    Stale,
    Store,
)
from triphammer.service.tracing.carrying import Carrier, Forwarding, carried, extensions

Done = Callable[[Sequence[Posted]], None]


class RunJournal:
    """Posts changes to the store with whatever they cause, in one unit each.

    `notify` is called after a commit with what may have new work: "outbox", "claims"; `waits`
    with the waits that begin. `observers` are told of what is stored,
    `carrier` says which trace what goes out belongs to.
    """

    def __init__(
        self,
        *,
        store: Store,
        dispatcher: Dispatcher,
        active: ActiveRuns,
        states: FlowStates,
        clock: Clock,
        hub: Hub,
        notify: Callable[[str], None],
        waits: Callable[[Sequence[Wait]], None],
        notices: Notices,
        observers: Sequence[Observer] = (),
        carrier: Carrier | None = None,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._active = active
        self._states = states
        self._clock = clock
        self._hub = hub
        self._notify = notify
        self._waits = waits
        self._notices = notices
        self._observers = observers
        self._carrier = carrier or Forwarding()

    def state(self, flow: str) -> Mapping[str, bytes]:
        """The flow's durable mapping as last committed."""
        return self._states.of(flow)

    def post(self, changes: Sequence[RunChange], done: Done) -> None:
        """Commit `changes` with the next group and then call `done`; see `flows.journal`."""
        now, catalog = self._clock.now(), self._dispatcher.catalog
        told = [self._notices.with_end(c, catalog.flows.get(c.flow), now) for c in changes]
        told = [carried(c, self._active.found(c.run), self._carrier) for c in told]
        units = [
            Progress(change=c, caused=tuple(self._caused(c, now)), catalog=catalog.id, at=now)
            for c in told
        ]
        caused = [item for unit in units for item in unit.caused]
        self._dispatcher.expect(caused)
        self._store.post(units, partial(self._committed, units, caused, done))

    def _committed(
        self,
        units: Sequence[Progress],
        caused: Sequence[Decided],
        done: Done,
        outcomes: Sequence[Outcome],
    ) -> None:
        posted = [self._settle(u, o) for u, o in zip(units, outcomes, strict=True)]
        self._dispatcher.expect_no_more(caused)
        self._hub.publish([n for p in posted if p.error is None for n in _news(p.change)])
        done(posted)

    def _settle(self, unit: Progress, outcome: Outcome) -> Posted:
        change = unit.change
        if isinstance(outcome, Exception):
            return Posted(change, error=outcome)
        if isinstance(outcome, Stale):
            self._notices.forget(change.flow)
            return Posted(change, stale=True)
        self._tell(change)
        self._states.apply(change.flow, change.state_writes)
        if change.outbox:
            self._notify("outbox")
        if change.waits:
            self._waits(change.waits)
        if change.state in ENDED:
            self._active.forget(change.run)
            self._notify("claims")
        if unit.caused:
            self._dispatcher.accepted(unit.caused, outcome, "run", unit.at)
        return Posted(change)

    def _tell(self, change: RunChange) -> None:
        if change.started_at is not None:
            self._active.began(change.run, change.started_at)
        about, started_at = self._active.found(change.run), self._active.started_at(change.run)
        for observer in self._observers:
            observer.changed(change, about, started_at)

    def _caused(self, change: RunChange, now: int) -> Iterator[Decided]:
        for request in change.starts:
            yield self._started(change, request, now)
        catalog = self._dispatcher.catalog
        # An end that nobody listens to is told by the run's own row: no event is kept.
        if change.state in ENDED and catalog.hears(FINISHED):
            about = self._active.about(change.run)
            trace = extensions(self._carrier.of_run(change.run, about))
            event = finished_event(change, about, now, trace)
            if catalog.awaits(FINISHED) or catalog.candidates(event):
                yield decide(event, catalog, now)

    def _started(self, change: RunChange, request: StartRequest, now: int) -> Decided:
        about = self._active.about(change.run)
        flow = self._dispatcher.catalog.flows.get(request.flow)
        params = request.decoded()
        event = requested_event(
            request.flow,
            params,
            by=f"run {change.run}",
            now=now,
            source=RUNS,
            id=request.id,
            lineage=about.lineage,
            trace=extensions(self._carrier.of_run(change.run, about)),
        )
        if flow is None:
            reason = f"no flow is named {request.flow!r}"
            return Decided(event=event, dispositions=(_error(request.flow, reason),))
        try:
            disposition, run = requested_run(flow, event, params, now, about.lineage)
        except TriphammerError as error:
            return Decided(event=event, dispositions=(_error(request.flow, str(error)),))
        return Decided(event=event, dispositions=(disposition,), runs=(run,))


def _error(flow: str, reason: str) -> Disposition:
    return Disposition(MANUAL, flow, "error", reason)


def _how_far(row: TaskRow) -> str:
    if row.progress is None or row.state != "running":
        return ""
    return " {:g}/{:g}".format(*row.progress)


def _news(change: RunChange) -> Iterator[News]:
    for row in change.tasks:
        yield News("task", change.run, change.flow, f"{row.name} {row.state}{_how_far(row)}")
    if change.state is not None:
        yield News("run", change.run, change.flow, change.state)
