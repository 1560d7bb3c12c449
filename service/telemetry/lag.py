"""How late the loops are: what blocks them delays everything."""

from __future__ import annotations

from time import perf_counter

import anyio
from anyio.abc import TaskStatus

from triphammer.service.metrics import Distribution, Histograms
from triphammer.service.telemetry import families

EVERY_SECONDS = 1.0


class Lag:
    """Looks at the service loop once a second, and is told of the flow loop."""

    def __init__(self) -> None:
        self._seconds = Histograms(families.LOOP_LAG)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Look until cancelled. A timer that is due shows how late the loop comes to it."""
        task_status.started()
        while True:
            began = perf_counter()  # the loop's own time may have steps of a millisecond
            await anyio.sleep(EVERY_SECONDS)
            late = perf_counter() - began - EVERY_SECONDS
            self._seconds.observe(("service",), max(0.0, late))

    def flow_loop(self, seconds: float) -> None:
        """The flow loop has answered after so long."""
        self._seconds.observe(("flow",), seconds)

    def read(self) -> Distribution:
        """The lag of both."""
        return self._seconds.read()
