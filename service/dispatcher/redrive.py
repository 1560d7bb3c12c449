"""What an operator does about failed runs and about events that could not start their flow.

A redrive is a new run, of the flow as it is now, on the same event: the old one stays as it
ended. It never happens by itself.
"""

from __future__ import annotations

from typing import Any

import msgspec

from triphammer.config.clock import Clock
from triphammer.service.dispatcher.decide import MANUAL, again
from triphammer.service.dispatcher.finished import REQUESTED
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.errors import StateForbids, UnknownEvent, UnknownRun
from triphammer.service.hub import Hub, News
from triphammer.service.library import Library
from triphammer.service.store.contract import (
    EventRow,
    NewRun,
    Outcome,
    RedriveEvent,
    RedriveRun,
    RunRow,
    SkipEvent,
    SkipRun,
    Store,
    Unit,
)


class Redrive:
    """Redrives and skips dead letters of runs and of events.

    Every method raises `NotFound` for what is not known and `StateForbids` for what is no
    dead letter (any more); a redrive also raises what starting the run raises: `UnknownFlow`
    for a flow that is gone, `FlowError` for an event that still does not fit.
    """

    def __init__(
        self, *, store: Store, library: Library, starter: Starter, clock: Clock, hub: Hub
    ) -> None:
        self._store = store
        self._library = library
        self._starter = starter
        self._clock = clock
        self._hub = hub

    async def run(self, id: str) -> NewRun:
        """A new run in the place of a failed one."""
        old = await self._dead(id)
        stored = await self._event(old.event)
        new = self._again(old, stored)
        unit = RedriveRun(run=id, new=new, epoch=old.epoch)
        if not await self._commit_new(unit, stored, held=old.holds):
            raise _settled(id)
        return new

    async def event(self, key: str, subscription: str) -> NewRun:
        """The run that an event could not start."""
        stored = await self._event(key)
        live = self._library.flow(await self._flow(key, subscription))
        requested = subscription == MANUAL and stored.event.type == REQUESTED
        new = again(
            live,
            stored.event,
            subscription=subscription,
            now=self._clock.now(),
            params=stored.event.data["params"] if requested else {},
        )
        unit = RedriveEvent(event=key, subscription=subscription, new=new)
        if not await self._commit_new(unit, stored, held=False):
            raise _settled(f"{key} for {subscription}")
        return new

    async def skip_run(self, id: str) -> None:
        """Leave a failed run as it is: those that wait behind it go on."""
        old = await self._dead(id)
        if not await self._commit(SkipRun(run=id, epoch=old.epoch)):
            raise _settled(id)
        self._starter.skipped(old)

    async def skip_event(self, key: str, subscription: str) -> None:
        """Leave an event that could not start a flow as it is."""
        if not await self._commit(SkipEvent(event=key, subscription=subscription)):
            raise _settled(f"{key} for {subscription}")

    async def _dead(self, id: str) -> RunRow:
        row = await self._store.run(id)
        if row is None:
            raise UnknownRun(id)
        if row.state != "failed" or row.settled is not None:
            raise StateForbids(f"run {id} is no dead letter: it is {row.settled or row.state}")
        return row

    async def _event(self, key: str) -> EventRow:
        row = await self._store.event(key)
        if row is None:
            raise UnknownEvent(key)
        return row

    async def _flow(self, key: str, subscription: str) -> str:
        """The flow that `subscription` of an event is about."""
        for disposition in await self._store.dispositions(key):
            if disposition.subscription == subscription:
                return disposition.flow
        raise StateForbids(f"event {key} was nothing to {subscription!r}")

    def _again(self, old: RunRow, stored: EventRow) -> NewRun:
        live = self._library.flow(old.flow)
        manual = old.subscription == MANUAL
        given: dict[str, Any] = msgspec.json.decode(old.params) if manual else {}
        new = again(
            live,
            stored.event,
            subscription=old.subscription,
            now=self._clock.now(),
            params={name: value for name, value in given.items() if name in live.params},
            lineage=old.lineage,
        )
        # It takes over what the old one holds, if that holds anything.
        return msgspec.structs.replace(new, order_key=None) if old.holds else new

    async def _commit_new(
        self, unit: RedriveRun | RedriveEvent, stored: EventRow, *, held: bool
    ) -> bool:
        self._starter.expect([unit.new.id])
        try:
            if not await self._commit(unit):
                return False
            self._begin(unit.new, stored, held=held)
            return True
        finally:
            self._starter.expect_no_more([unit.new.id])

    async def _commit(self, unit: Unit) -> Outcome:
        (outcome,) = await self._store.commit([unit])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _begin(self, new: NewRun, stored: EventRow, *, held: bool) -> None:
        self._hub.publish([News("run", new.id, new.flow, "queued")])
        if held:
            self._starter.redriven(new.flow)
        else:
            self._starter.offer(new, stored.event)


def _settled(what: str) -> StateForbids:
    return StateForbids(f"{what} is no dead letter any more")
