"""What an executor is: the place where a task's body runs (`async`, `thread`, later more)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
from anyio.abc import TaskStatus

from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.context import TaskContext
from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.journal import (
    Artifacts,
    Encoded,
    ErrorInfo,
    Kept,
    LogLine,
    OutMessage,
    StartRequest,
)


class AttemptId(msgspec.Struct, frozen=True):
    """The fence: a result counts only for the current (run, task, attempt, epoch)."""

    run: str
    task: str
    attempt: int
    epoch: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as it travels to another process, which loads the same version of the flow.

    `sources` are that version's files by path, below `root`; `module` is the name by which the
    sender knows the flow file's module. `values` is pickled (event, parameters, results that
    the task takes, how its upstreams ended, the map item's arguments) and may name classes of
    the user's: it is read once the version is loaded. `state` is the flow's durable mapping,
    `artifacts` the contents of those that the results name; files among them lie in the
    folder `files`. `largest` is how many bytes one may have.
    """

    id: AttemptId
    flow: str
    version: str
    file: str
    root: str
    module: str
    sources: Mapping[str, str]
    node: str
    item: int | None
    values: bytes
    state: Mapping[str, bytes]
    artifacts: Mapping[str, bytes]
    files: str
    largest: int
    workdir: str
    earlier: int = 0


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one task: everything its body needs, values still encoded where they are.

    `body` is called with no argument inside the executor's thread, with the attempt's context
    set, after it decoded its inputs; it returns the value or (executor `async`) a coroutine.
    `encode` turns the value into its stored form in that same thread. `timeout` seconds.
    `pack` makes a parcel of it, for executors whose bodies run in other processes; blocks, and
    raises `TriphammerError` for values that cannot travel. `uses`: it takes resources. `env`: the
    environment that the body is to run in, for the executor `process`.
    """

    id: AttemptId
    flow: str
    body: Callable[[], Any]
    encode: Callable[[Any], Encoded]
    context: TaskContext
    pack: Callable[[], Parcel]
    timeout: float | None = None
    where: str = ""
    uses: bool = False
    env: EnvSpec | None = None


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt. Exactly one of `value` and `error` is set.

    `retryable` is false for misfits, `Fail` and cancellation. `skipped`: the task raised `Skip`,
    `error` says why. `kinds` are the names of the type of what
    the task's code raised and of those it derives from; none where something else failed.
    `still_running` says that a plain function went on after its timeout or cancel: its slot
    stays taken until `Released`. `progress` is how far it last said it was. The engine fills in
    `cache_key` and `cached_from`.
    """

    id: AttemptId
    started_at: int
    finished_at: int
    value: Encoded | None = None
    error: ErrorInfo | None = None
    retryable: bool = True
    skipped: bool = False
    kinds: tuple[str, ...] = ()
    cancelled: bool = False
    still_running: bool = False
    outbox: tuple[OutMessage, ...] = ()
    starts: tuple[StartRequest, ...] = ()
    state_writes: Mapping[str, bytes | None] = {}
    progress: tuple[float, float] | None = None
    kept: tuple[Kept, ...] = ()
    cache_key: str | None = None
    cached_from: str | None = None


class Released(msgspec.Struct, frozen=True):
    """The plain function of an attempt that was reported `still_running` has returned."""

    id: AttemptId


class Stalled(msgspec.Struct, frozen=True):
    """User code that blocks the flow loop: what `/readyz` and the log name."""

    flow: str
    run: str
    task: str
    file: str
    line: int
    seconds: float

    @property
    def text(self) -> str:
        """Who it is, and what to do."""
        return (
            f"task {self.task} of flow {self.flow} blocks the flow loop at "
            f"{self.file}:{self.line}: make it a plain function, or await instead"
        )


Report = Callable[[Sequence[AttemptResult | Released]], None]
"""Called by an executor on the service loop with the results that have come in."""


Lines = Callable[[TaskContext, Sequence[LogLine], int], None]
"""Takes what an attempt has printed and logged elsewhere, and how many lines were dropped there."""


@dataclass(frozen=True, slots=True)
class ExecutorContext:
    """Everything that an executor may use.

    `now` is the clock (microseconds UTC), callable from any thread. `ended` is called when an
    attempt has ended: its log is complete. `artifacts` keeps what results are made of. `stall`
    is told of user code that blocks the flow loop, `ready` whether the executor works (None)
    or why not. `folder` is the data folder of the daemon and `folder_id` its stable id; None: a
    session in memory, and whatever still runs is cancelled when the executor stops. `lag` is told
    how many seconds the flow loop took to answer.
    """

    now: Callable[[], int]
    settings: Settings
    secrets: Secrets
    artifacts: Artifacts
    ended: Callable[[TaskContext], None]
    lines: Lines
    stall: Callable[[Stalled | None], None]
    ready: Callable[[str | None], None]
    folder: Path | None
    folder_id: str | None
    log: logging.Logger
    lag: Callable[[float], None] = lambda _: None


class Executor(Protocol):
    """Runs attempts; reports results in batches on the service loop, in no order.

    `bind` comes first; `submit` and `cancel` are called on the service loop while `run` runs.
    Every submitted attempt is reported once, one that was cancelled or timed out too.
    `cancel` of an attempt that is not there any more does nothing. `running` is how many
    attempts are there, those that are abandoned but still running included.
    """

    @property
    def running(self) -> int: ...

    def bind(self, report: Report) -> None: ...

    async def run(self, *, task_status: TaskStatus[None]) -> None: ...

    def submit(self, attempts: Sequence[Attempt]) -> None: ...

    def cancel(self, attempt: AttemptId) -> None: ...


class ExecutorKind(Protocol):
    """What an entry point of the group `triphammer.executors` names: a class, as a rule."""

    def build(self, context: ExecutorContext, /) -> Executor: ...


Stall = Callable[[Stalled | None], None]
"""Told on the service loop that user code blocks the flow loop; None: it goes on again."""
