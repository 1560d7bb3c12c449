"""What a sensor is given and what it must be: the belt under `files`, `kafka`, `timers`, ..."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import msgspec
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.config.source import SensorSpec
from triphammer.sensors.event import Event


class Accepted(msgspec.Struct, frozen=True):
    """What became of one event, known after the commit. A duplicate names the first one."""

    key: str
    id: str
    source: str
    duplicate: bool
    runs: tuple[str, ...] = ()


class DeadRecord(msgspec.Struct, frozen=True):
    """A record that cannot become an event: kept with its bytes and the reason."""

    id: str
    source: str
    reason: str
    payload: bytes
    headers: Mapping[str, str] = {}


class Claim(msgspec.Struct, frozen=True):
    """A file to move once, after the last run of its event has ended.

    `identity` is `inode:size:mtime_ns`: a file that changed meanwhile is left where it is.
    `done` / `failed` are absolute target folders, None: leave it. `name` is the file's path
    below the watched folder, kept below the target folder.
    """

    path: str
    identity: str
    name: str
    done: str | None
    failed: str | None


class Emission(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction's worth of a sensor's news.

    `positions` maps a position key (a Kafka partition, a file's path, a timer's schedule) to
    its new text; None forgets it. They commit with the events, or not at all. `claims` are
    by event key.
    """

    events: Sequence[Event] = ()
    positions: Mapping[str, str | None] = {}
    dead: Sequence[DeadRecord] = ()
    claims: Mapping[str, Claim] = {}


class Emit(Protocol):
    """Hands an emission over; returns after the commit, one `Accepted` an event, in order.

    Waits while the daemon is over its limits (back-pressure reaches the source that way);
    with `wait=False` raises `Overloaded` instead. Raises `StoreUnavailable` when nothing can
    be committed: nothing of the emission was stored, and the sensor may emit it again.
    """

    async def __call__(self, emission: Emission, *, wait: bool = True) -> Sequence[Accepted]: ...


@dataclass(frozen=True, slots=True)
class SensorContext:
    """Everything that a sensor may use.

    `positions` reads this sensor's stored positions; `ready` reports whether it works (None)
    or why not, for `/readyz` and `/metrics` - a sensor that waits for an unreachable broker
    reports it and goes on. `call` runs a user's function (coroutine or plain) away from the
    service loop. `congested()` is true while `emit` would wait. `folder_id` is the stable id
    of the data folder.
    """

    spec: SensorSpec
    emit: Emit
    positions: Callable[[], Awaitable[Mapping[str, str]]]
    clock: Clock
    settings: Settings
    secrets: Secrets
    root: Path
    folder_id: str
    ready: Callable[[str | None], None]
    call: Callable[..., Awaitable[Any]]
    congested: Callable[[], bool]
    log: logging.Logger


class Sensor(Protocol):
    """One kind of sensor: built from a context, run until cancelled.

    `merge` joins the options of all flows that use one sensor and raises `SourceError` where
    they contradict each other. `run` calls `task_status.started()` once it watches; when it
    raises, the supervisor restarts it with backoff. It must hold no state that a restart
    needs but its positions.
    """

    kind: ClassVar[str]

    @classmethod
    def merge(cls, specs: Sequence[SensorSpec]) -> SensorSpec: ...

    @classmethod
    def build(cls, context: SensorContext) -> Self: ...

    async def run(self, *, task_status: TaskStatus[None]) -> None: ...


@runtime_checkable
class Lagging(Protocol):
    """A sensor that knows how far behind its source it is."""

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Of each topic and partition how many records are not taken in yet."""
        ...
