"""Flow files that are broken, or whole again: an event, for flows that tell people."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from triphammer.config.clock import Clock
from triphammer.config.errors import TriphammerError
from triphammer.config.ids import new_id
from triphammer.flows.errors import GraphError
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Emission
from triphammer.service.dispatcher.dispatcher import Dispatcher

SOURCE = "triphammer/flows"
BROKEN = "triphammer.flows.broken"
MENDED = "triphammer.flows.mended"


class BrokenFlows:
    """Emits when what is wrong with the flows has changed, if any flow listens to that."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, log: logging.Logger) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._log = log
        self._told: tuple[str, ...] = ()

    async def tell(self, errors: Sequence[GraphError]) -> None:
        """These are the errors now."""
        texts = tuple(str(error) for error in errors)
        told, self._told = self._told, texts
        type = BROKEN if texts else MENDED
        if texts == told or not self._dispatcher.catalog.hears(type):
            return
        data = [{"file": e.file, "line": e.line, "message": e.message} for e in errors]
        now = self._clock.now()
        event = new_event(
            id=new_id("evt"), source=SOURCE, type=type, subject=None, data={"errors": data}, now=now
        )
        try:
            await self._dispatcher.emit("flows", Emission(events=[event]), wait=False)
        except TriphammerError as error:  # overloaded: it is told elsewhere as well
            self._log.warning("no event %s: %s", type, error)
