"""What the engine is given and gives: runs to start, how they ended, what to launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.flows.engine.plan import PlannedNode
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow, Wait, WaitAnswer


class Sent(msgspec.Struct, frozen=True):
    """What became of a message of the run so far: pending, delivered, dead or skipped."""

    id: str
    task: str
    state: str
    error: str | None = None


class RunStart(msgspec.Struct, frozen=True, kw_only=True):
    """A run to begin, or with `tasks` to go on with. `event` and `params` are typed values.

    `sent` are the messages of a run that goes on, for tasks that wait for their delivery,
    `answers` what has ended waits of it, by task. `state` is that of its row. `cancel` is why
    one that waits is to be ended, "" if it is not.
    """

    id: str
    epoch: int
    flow: FlowDef
    event: Any
    params: Mapping[str, Any]
    created_at: int
    started_at: int | None = None
    tasks: tuple[TaskRow, ...] = ()
    sent: tuple[Sent, ...] = ()
    answers: Mapping[str, WaitAnswer] = {}
    state: str = ""
    cancel: str = ""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody says that a task has ended: succeeded with `value`, or failed or skipped,
    `why`."""

    state: str
    value: Encoded | None = None
    why: ErrorInfo | None = None


class RunLate(msgspec.Struct, frozen=True):
    """A run is under way for longer than its flow's `deadline` (seconds)."""

    run: str
    flow: str
    deadline: float
    epoch: int = 0


class RunEnd(msgspec.Struct, frozen=True):
    """A run has ended and that is stored, or (state "stale") it is no longer ours; or (state
    "waiting") only waits are left of it, and the engine has it no more."""

    run: str
    flow: str
    state: str


class Launch(msgspec.Struct, frozen=True):
    """An attempt to begin. `item` is the number of the map's item or the loop's turn, `value`
    its arguments. `scope` is where the others are found; None: that of the run."""

    node: PlannedNode
    name: str
    attempt: int
    item: int | None = None
    value: tuple[Any, ...] = ()
    scope: RunScope | None = None


class Ending(msgspec.Struct, frozen=True):
    """How a run ends."""

    state: str
    at: int
    result: Encoded | None = None
    error: ErrorInfo | None = None
    failed_tasks: tuple[str, ...] = ()


class Step(msgspec.Struct):
    """What a machine decided in answer to what happened.

    `rows` and `failed_attempts` are to be stored; `rides` too, but nothing waits for them.
    `now` may begin at once: items of a map that took the place of others. `launches` begin
    when the rows are stored. `later` are retries with the time they are due. `waits` begin,
    those of the tasks `over` are over.
    """

    rows: list[TaskRow] = []
    rides: list[TaskRow] = []
    failed_attempts: list[tuple[str, int, int, int, ErrorInfo]] = []
    now: list[Launch] = []
    launches: list[Launch] = []
    later: list[tuple[int, Launch]] = []
    waits: list[Wait] = []
    over: list[str] = []
    ending: Ending | None = None
