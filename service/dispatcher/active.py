"""What is remembered of a run while it is active: what its end must say of its beginning."""

from __future__ import annotations

import msgspec

from triphammer.sensors.event import Event
from triphammer.sensors.tracing import origin
from triphammer.service.dispatcher.finished import RunAbout
from triphammer.service.store.contract import NewRun, RunRow


class ActiveRuns:
    """The beginnings of active runs, by run."""

    def __init__(self) -> None:
        self._abouts: dict[str, RunAbout] = {}
        self._started: dict[str, int] = {}

    def add_new(self, run: NewRun, event: Event) -> None:
        """Remember a run that was just made for `event`."""
        params = msgspec.json.decode(run.params)
        self._abouts[run.id] = RunAbout(
            run.flow,
            event.key,
            params,
            run.lineage,
            created_at=run.created_at,
            trace=origin(event),
            read=True,
        )

    def add_row(self, row: RunRow) -> None:
        """Remember a run that was read from the store."""
        params = msgspec.json.decode(row.params)
        self._abouts[row.id] = RunAbout(
            row.flow, row.event, params, row.lineage, row.retried, row.created_at
        )
        if row.started_at is not None:
            self._started[row.id] = row.started_at

    def about(self, run: str) -> RunAbout:
        """The beginning of an active run. Raises KeyError for one that was never added."""
        return self._abouts[run]

    def read(self, run: str, event: Event) -> None:
        """The event of a run that was read from the store."""
        about = self._abouts.get(run)
        if about is not None:
            self._abouts[run] = msgspec.structs.replace(about, trace=origin(event), read=True)

    def found(self, run: str) -> RunAbout | None:
        """The same, None for one that was never added or has ended."""
        return self._abouts.get(run)

    def began(self, run: str, at: int) -> None:
        """That the run has begun is stored."""
        if run in self._abouts:
            self._started[run] = at

    def started_at(self, run: str) -> int | None:
        """When the run began, if it has."""
        return self._started.get(run)

    def flow_of(self, run: str) -> str:
        """The flow of a run while it is active; nothing afterwards."""
        about = self._abouts.get(run)
        return "" if about is None else about.flow

    def forget(self, run: str) -> None:
        """The run has ended, and its end is stored."""
        self._abouts.pop(run, None)
        self._started.pop(run, None)
