"""What the parts of a simulation see of it."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from triphammer.config.secrets import Secrets
from triphammer.sensors.contract import Emission
from triphammer.service.local import Local
from triphammer.service.operations import Operations
from triphammer.testing.clock import VirtualClock

T = TypeVar("T")


class World(Protocol):
    """A simulation, seen from its parts."""

    @property
    def clock(self) -> VirtualClock: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def local(self) -> Local: ...

    @property
    def operations(self) -> Operations: ...

    def call(self, awaitable: Coroutine[Any, Any, T]) -> T:
        """The value of something that needs no time."""
        ...

    def decoded(self, stored: Any) -> Any:
        """A stored value."""
        ...

    def begun(self, run: str) -> Sequence[str]:
        """The tasks of a run whose attempts have begun, in order."""
        ...

    async def take(self, sensor: str, emission: Emission) -> Sequence[str]:
        """Take in what a sensor would emit; the ids of the runs that it begins."""
        ...

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        ...
