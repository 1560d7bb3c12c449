"""What is counted for the life of the process, whatever becomes of the store."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from importlib.metadata import version

from triphammer.service.metrics import Figures
from triphammer.service.telemetry import families
from triphammer.service.telemetry.lag import Lag
from triphammer.service.telemetry.process import process_figures
from triphammer.service.telemetry.recorder import Recorder
from triphammer.service.telemetry.requests import Requests
from triphammer.service.tracing.opening import Tracing


class Telemetry:
    """The daemon's counters. `started`: when the process began, in seconds since 1970."""

    def __init__(self, tracing: Tracing, started: float | None = None) -> None:
        self.tracing = tracing
        self.recorder = Recorder()
        self.requests = Requests()
        self.lag = Lag()
        self._started = time.time() if started is None else started

    def read(self) -> Sequence[Figures]:
        """All of them as they stand."""
        build: dict[tuple[str, ...], float] = {
            (version("triphammer"), platform.python_version()): 1
        }
        return (
            *self.recorder.read(),
            *self.requests.read(),
            self.lag.read(),
            families.SPANS.of({(how,): n for how, n in self.tracing.counts().items()}),
            *process_figures(self._started),
            families.BUILD.of(build),
        )
