"""How the nodes of a run are settled, and who is judged after it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Container, Mapping

from triphammer.flows.engine.failures import Failures
from triphammer.flows.engine.part import NodeState, Part, Parts
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.rows import cancelled, failed_row, skipped_row
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import RunStart, Step
from triphammer.flows.journal import ErrorInfo, TaskRow
from triphammer.flows.outcomes import Ended


class Settling(ABC):
    """The nodes of a run and the queue of those to be judged.

    What begins a node, and what ends the part of an item or turn, is the machine's.
    """

    def __init__(self, start: RunStart, plan: Plan, scope: RunScope) -> None:
        begun = [row for row in start.tasks if row.state != "pending"]
        self._rows: Mapping[str, TaskRow] = {row.name: row for row in begun}
        self._earlier = {row.name: row.earlier for row in start.tasks if row.earlier}
        self._pending = {row.name for row in start.tasks if row.state == "pending"}
        self._parts = Parts(Part(plan, scope))
        self._todo: deque[NodeState] = deque()
        self._over: deque[Part] = deque()
        self._failures = Failures()
        self._cancelled: ErrorInfo | None = None

    @abstractmethod
    def _begin_node(self, state: NodeState, step: Step, now: int) -> None:
        """Its rule says that the node runs."""

    @abstractmethod
    def _part_done(self, part: Part, step: Step, now: int) -> None:
        """All that was inside one item or turn has ended."""

    def _settle(self, state: NodeState, how: str, at: int, error: ErrorInfo | None = None) -> None:
        ended, part = Ended("skipped" if how == "blocked" else how, error, at), state.part
        self._todo.extend(part.settle(state, how, ended))
        if part.left == 0 and part.owner is not None:
            self._over.append(part)

    def _fail(self, state: NodeState, error: ErrorInfo, at: int) -> None:
        self._failures.note(state.name, error, at)
        self._settle(state, "failed", at, error)

    def _consider_all(self, step: Step, now: int) -> None:
        """Judge the nodes whose upstreams have changed; a queue, since chains may be long."""
        while self._todo or self._over:
            if self._over:
                self._part_done(self._over.popleft(), step, now)
                continue
            state = self._todo.popleft()
            if not state.settled and not state.begun:
                self._consider(state, step, now)

    def _consider(self, state: NodeState, step: Step, now: int) -> None:
        verdict = state.verdict()
        if verdict == "run":
            self._begin_node(state, step, now)
        elif verdict != "wait" and self._cancelled is not None:
            self._cancel_node(state, self._cancelled, step, now)
        elif verdict == "skip":
            self._skip(state, step, now)
        elif verdict == "block":
            row = skipped_row(state.name, now, state.why_blocked())
            step.rows.append(row)
            self._settle(state, "blocked", now, row.error)

    def _skip(self, state: NodeState, step: Step, now: int) -> None:
        step.rows.append(skipped_row(state.name, now))
        self._settle(state, "skipped", now)

    def _cancel_node(
        self,
        state: NodeState,
        why: ErrorInfo,
        step: Step,
        now: int,
        told: Container[str] = (),
    ) -> None:
        """End a node whose run is cancelled; `told` are the tasks whose rows say so by now."""
        for name in (state.name, *state.open):
            if name not in told:
                items = state.total if name == state.name else None
                row = TaskRow(name=name, state="pending", items=items)
                step.rows.append(cancelled(row, why, now))
        self._settle(state, "cancelled", now, why)

    def _fail_before(self, state: NodeState, error: ErrorInfo, step: Step, now: int) -> None:
        """A task fails without an attempt of its own."""
        step.rows.append(failed_row(state.name, self._rows.get(state.name), error, now))
        self._fail(state, error, now)
