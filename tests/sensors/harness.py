"""What sensors are tested with: a clock that trio drives, and a daemon that only records."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from triphammer.config.clock import Clock, SystemClock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.config.source import SensorSpec, Source
from triphammer.sensors.contract import Accepted, Emission, SensorContext
from triphammer.sensors.errors import Overloaded
from triphammer.sensors.event import Event

START = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""


class FakeClock:
    """A wall clock that goes with the loop's time and can be set."""

    reread = 5.0

    def __init__(self, start: int = START) -> None:
        self._wall = start
        self._loop = anyio.current_time()
        self._set = anyio.Event()

    def now(self) -> int:
        return self._wall + round((anyio.current_time() - self._loop) * 1e6)

    def step(self, micros: int) -> None:
        """Set the wall clock forwards or, with a negative number, back."""
        self._wall += micros
        self._set.set()
        self._set = anyio.Event()

    async def wait_until(self, due: int) -> None:
        while (left := due - self.now()) > 0:
            with anyio.move_on_after(left / 1e6):
                await self._set.wait()


class Recorder:
    """Takes emissions as the dispatcher does: positions and identities stay over restarts."""

    def __init__(self) -> None:
        self.emissions: list[Emission] = []
        self.events: list[Event] = []
        self.positions: dict[str, str] = {}
        self.times: list[int] = []
        self.reasons: list[str | None] = []
        self.failures: list[Overloaded] = []
        self.emitted = anyio.Event()
        self.clock: Clock | None = None
        self._known: dict[tuple[str, str], Accepted] = {}

    @property
    def reason(self) -> str | None:
        """What the sensor last reported; "starting" when it has not."""
        return self.reasons[-1] if self.reasons else "starting"

    async def emit(self, emission: Emission, *, wait: bool = True) -> Sequence[Accepted]:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        self.emissions.append(emission)
        for key, value in emission.positions.items():
            if value is None:
                self.positions.pop(key, None)
            else:
                self.positions[key] = value
        accepted = [self._accept(event) for event in emission.events]
        self.emitted.set()
        self.emitted = anyio.Event()
        return accepted

    async def wait_for(self, count: int) -> list[Event]:
        """Wait until that many events have come; all of them."""
        while len(self.events) < count:
            await self.emitted.wait()
        return self.events

    async def stored(self) -> Mapping[str, str]:
        await anyio.lowlevel.checkpoint()
        return dict(self.positions)

    def _accept(self, event: Event) -> Accepted:
        first = self._known.get((event.source, event.id))
        if first is not None:
            return Accepted(first.key, event.id, event.source, True)
        accepted = Accepted(event.key, event.id, event.source, False, ("run_1",))
        self._known[event.source, event.id] = accepted
        self.events.append(event)
        if self.clock is not None:
            self.times.append(self.clock.now())
        return accepted


async def call(function: Any, *arguments: Any) -> Any:
    """Run a user's function where it stands: these tests have no second loop."""
    value = function(*arguments)
    return await value if inspect.isawaitable(value) else value


def make_context(
    spec: SensorSpec,
    recorder: Recorder,
    *,
    clock: Clock | None = None,
    secrets: Secrets | None = None,
    settings: Settings | None = None,
) -> SensorContext:
    """A context whose news go to `recorder`."""
    recorder.clock = clock or SystemClock()
    return SensorContext(
        spec=spec,
        emit=recorder.emit,
        positions=recorder.stored,
        clock=recorder.clock,
        settings=settings or Settings(),
        secrets=secrets or make_secrets({}),
        root=Path("/nowhere"),
        folder_id="folder",
        ready=recorder.reasons.append,
        call=call,
        congested=lambda: False,
        log=logging.getLogger("test"),
    )


def make_secrets(values: Mapping[str, str]) -> Secrets:
    """Secrets that hold these values."""
    return Secrets(values=values)


def spec_of(source: Source, flow: str = "orders") -> SensorSpec:
    """The sensor that `source` needs for `flow`."""
    spec = source.spec(flow)
    assert spec is not None
    return spec
