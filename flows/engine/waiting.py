"""Tasks that wait: what each waits for, how its answer settles it, and whether all do.

No attempt is made of them, and nothing but their rows is there while they wait.
"""

from __future__ import annotations

from triphammer.config.durations import DurationLike, micros
from triphammer.flows.engine.part import NodeState
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.run_scope import NOTHING, RunScope
from triphammer.flows.engine.settling import Settling
from triphammer.flows.engine.values import RunStart, Step
from triphammer.flows.expr import resolve
from triphammer.flows.graph import Node
from triphammer.flows.journal import TaskRow, Wait, WaitAnswer

WAITS = frozenset({"sleep"})
"""The kinds of tasks that wait."""


class Waiting(Settling):
    """The open waits of a run, by task."""

    def __init__(self, start: RunStart, plan: Plan, scope: RunScope) -> None:
        super().__init__(start, plan, scope)
        self.start = start
        self._waits: dict[str, TaskRow] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is left to do but to wait. What waits for a delivery does not count."""
        if not self._waits:
            return False
        begun = (s for s in self._parts.states() if s.begun and not s.settled)
        return all(s.name in self._waits or s.planned.body is not None for s in begun)

    def answered(self, task: str, answer: WaitAnswer, step: Step, now: int) -> None:
        """A wait is over; one that is not open any more is not heard."""
        if task in self._waits:
            self._settle_wait(self._parts.find(task)[0], answer, step, now)
            self._consider_all(step, now)

    def _begin_wait(self, state: NodeState, wait: Wait | None, step: Step, now: int) -> None:
        """Wait, or go on with what the journal says (None)."""
        row = self._rows.get(state.name)
        if wait is not None:
            row = TaskRow(
                name=state.name, state="waiting", attempt=1, started_at=now, due_at=wait.due_at
            )
            step.rows.append(row)
            step.waits.append(wait)
        assert row is not None
        self._waits[state.name] = row
        answer = self.start.answers.get(state.name)
        if answer is not None:
            self._settle_wait(state, answer, step, now)

    def _wait_of(self, state: NodeState, now: int) -> Wait | None:
        """What a task waits for, unless it does so already. Raises what its values raise."""
        if state.name in self._rows:
            return None
        node, scope = state.planned.node, state.part.scope
        due = now + _duration(node, scope)
        return Wait(task=state.name, kind=node.spec.kind, due_at=due)

    def _leave(self, task: str, step: Step) -> None:
        """A wait is withdrawn, if there is one."""
        if self._waits.pop(task, None) is not None:
            step.over.append(task)

    def _settle_wait(self, state: NodeState, answer: WaitAnswer, step: Step, now: int) -> None:
        begun = self._waits[state.name]
        self._leave(state.name, step)
        how, value, error = "succeeded", answer.value or NOTHING, None
        step.rows.append(
            TaskRow(
                name=state.name,
                state=how,
                attempt=begun.attempt,
                started_at=begun.started_at,
                finished_at=now,
                result=value,
                error=error,
            )
        )
        state.part.scope.results[state.planned.name] = value
        self._settle(state, how, now, error)


def _duration(node: Node, scope: RunScope) -> int:
    duration: DurationLike = resolve(node.kwargs["duration"], scope)
    return micros(duration)
