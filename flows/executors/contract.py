"""What an executor is: the place where a task's body runs (`async`, `thread`, later more)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import msgspec
from anyio.abc import TaskStatus

from triphammer.flows.context import TaskContext
from triphammer.flows.journal import Encoded, ErrorInfo, OutMessage, StartRequest


class AttemptId(msgspec.Struct, frozen=True):
    """The fence: a result counts only for the current (run, task, attempt, epoch)."""

    run: str
    task: str
    attempt: int
    epoch: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of one task: everything its body needs, values still encoded where they are.

    `body` is called with no argument inside the executor's thread, with the attempt's context
    set, after it decoded its inputs; it returns the value or (executor `async`) a coroutine.
    `encode` turns the value into its stored form in that same thread. `timeout` seconds.
    """

    id: AttemptId
    flow: str
    body: Callable[[], Any]
    encode: Callable[[Any], Encoded]
    context: TaskContext
    timeout: float | None = None
    where: str = ""


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt. Exactly one of `value` and `error` is set.

    `retryable` is false for misfits and cancellation. `still_running` says that a plain
    function went on after its timeout or cancel: its slot stays taken until `Released`.
    """

    id: AttemptId
    started_at: int
    finished_at: int
    value: Encoded | None = None
    error: ErrorInfo | None = None
    retryable: bool = True
    cancelled: bool = False
    still_running: bool = False
    outbox: tuple[OutMessage, ...] = ()
    starts: tuple[StartRequest, ...] = ()
    state_writes: Mapping[str, bytes | None] = {}


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


Report = Callable[[Sequence[AttemptResult | Released]], None]
"""Called by an executor on the service loop with the results that have come in."""


class Executor(Protocol):
    """Runs attempts; reports results in batches on the service loop, in no order.

    `bind` comes first; `submit` and `cancel` are called on the service loop while `run` runs.
    Every submitted attempt is reported once, one that was cancelled or timed out too.
    `cancel` of an attempt that is not there any more does nothing. `running` is how many
    attempts are there, those that are abandoned but still running included.
    """

    name: ClassVar[str]

    @property
    def running(self) -> int: ...

    def bind(self, report: Report) -> None: ...

    async def run(self, *, task_status: TaskStatus[None]) -> None: ...

    def submit(self, attempts: Sequence[Attempt]) -> None: ...

    def cancel(self, attempt: AttemptId) -> None: ...


Stall = Callable[[Stalled | None], None]
"""Told on the service loop that user code blocks the flow loop; None: it goes on again."""
