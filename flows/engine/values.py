"""What the engine is given and gives: runs to start, how they ended, what to launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triphammer.flows.graph import FlowDef, Node
from triphammer.flows.journal import ErrorInfo, RunChange, TaskRow


class RunStart(msgspec.Struct, frozen=True, kw_only=True):
    """A run to begin, or with `tasks` to go on with. `event` and `params` are typed values."""

    id: str
    epoch: int
    flow: FlowDef
    event: Any
    params: Mapping[str, Any]
    created_at: int
    tasks: tuple[TaskRow, ...] = ()


class RunEnd(msgspec.Struct, frozen=True):
    """A run has ended, and that is stored."""

    run: str
    flow: str
    state: str


class Launch(msgspec.Struct, frozen=True):
    """An attempt to begin. `item` is the map item's number; `due` when, at the earliest."""

    node: Node
    name: str
    attempt: int
    item: int | None = None
    value: tuple[Any, ...] = ()
    due: int = 0


class Step(msgspec.Struct):
    """What a machine decided: rows to store, and what to launch once they are.

    `retries` are attempts to launch later, `cancels` attempts to end now. `ended` is the
    run's last change, with its final state.
    """

    rows: list[TaskRow]
    launches: list[Launch]
    retries: list[Launch]
    failed_attempts: list[tuple[str, int, int, int, ErrorInfo]]
    ended: RunChange | None = None

    @classmethod
    def empty(cls) -> Step:
        """Nothing decided yet."""
        return cls([], [], [], [])
