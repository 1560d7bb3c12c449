"""Tasks that wait: what each waits for, how its answer settles it, and whether all do.

No attempt is made of them, and nothing but their rows is there while they wait.
"""

from __future__ import annotations

from triphammer.flows.engine.part import NodeState
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.settling import Settling
from triphammer.flows.engine.values import RunStart, Step
from triphammer.flows.engine.waits import WITHDRAWN, Settled, settled, wanted
from triphammer.flows.journal import ErrorInfo, TaskRow, Wait, WaitAnswer

ONE = ("one_success", "one_done", "one_failed")
"""The rules of tasks that begin with the first of those before them."""


class Waiting(Settling):
    """The open waits of a run, by task. `zone`: the time zone of flows that name none."""

    def __init__(self, start: RunStart, plan: Plan, scope: RunScope, *, zone: str) -> None:
        super().__init__(start, plan, scope)
        self._zone = start.flow.timezone or zone
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
            if (first := self._begun_without(state)) is not None:
                self._waits[state.name] = row
                self._withdraw(state, first, step, now)
                return
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
        return wanted(node, state.name, scope, now, self._zone)

    def _leave(self, task: str, step: Step) -> None:
        """A wait is withdrawn, if there is one."""
        if self._waits.pop(task, None) is not None:
            step.over.append(task)

    def _settle_wait(self, state: NodeState, answer: WaitAnswer, step: Step, now: int) -> None:
        row = self._waits[state.name]
        # Not how long it took to hear of it.
        lasted = (row.due_at or now) - (row.started_at or now)
        self._end_wait(state, settled(state.planned.node, answer, lasted), step, now)

    def _end_wait(self, state: NodeState, end: Settled, step: Step, now: int) -> None:
        begun = self._waits[state.name]
        self._leave(state.name, step)
        step.rows.append(
            TaskRow(
                name=state.name,
                state=end.state,
                attempt=begun.attempt,
                started_at=begun.started_at,
                finished_at=now,
                result=end.result,
                error=end.error,
            )
        )
        if end.state == "succeeded":
            state.part.scope.results[state.planned.name] = end.result
        if end.state == "failed" and end.error is not None:
            self._fail(state, end.error, now)
        else:
            self._settle(state, end.state, now, end.error)

    def _consider(self, state: NodeState, step: Step, now: int) -> None:
        super()._consider(state, step, now)
        going_on = bool(state.begun or state.settled)
        if self._waits and going_on and state.planned.node.options.trigger_rule in ONE:
            self._withdraw_losers(state, step, now)

    def _withdraw_losers(self, first: NodeState, step: Step, now: int) -> None:
        """Whoever takes the first of several has it: those that nobody else is behind wait no
        more."""
        nodes = first.part.nodes
        for name in first.planned.node.above:
            state = nodes[name]
            if state.name in self._waits and self._begun_without(state) is not None:
                self._withdraw(state, first, step, now)

    def _begun_without(self, state: NodeState) -> NodeState | None:
        """Who took the first of several while this one was not over, if nobody else is behind.

        Teardowns and handlers, which come when all is over, do not count.
        """
        nodes = (state.part.nodes[name] for name in state.planned.behind)
        behind = [one for one in nodes if one.planned.node.decides]
        if not all(one.begun or one.settled for one in behind):
            return None
        return next((s for s in behind if s.planned.node.options.trigger_rule in ONE), None)

    def _withdraw(self, state: NodeState, first: NodeState, step: Step, now: int) -> None:
        why = ErrorInfo(WITHDRAWN, f"{first.name} has begun without it")
        self._end_wait(state, Settled("skipped", None, why), step, now)
