"""Tasks of a run under way that somebody says have ended: as succeeded, failed or skipped."""

from __future__ import annotations

from abc import abstractmethod

from triphammer.flows.engine.part import NodeState
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.undelivered import Undelivered
from triphammer.flows.engine.values import Mark, RunStart, Step
from triphammer.flows.engine.waiting import Waiting
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.journal import ErrorInfo, TaskRow


class Marking(Waiting):
    """What was marked is not begun any more, whatever was about to begin it."""

    def __init__(self, start: RunStart, plan: Plan, scope: RunScope, *, zone: str) -> None:
        super().__init__(start, plan, scope, zone=zone)
        self._undelivered: dict[str, Undelivered] = {}
        self._retrying: set[str] = set()
        self._marked: set[str] = set()

    @abstractmethod
    def _ended(self, result: AttemptResult, step: Step, now: int) -> None:
        """A task, item or turn has ended."""

    @abstractmethod
    def _skipped(
        self,
        state: NodeState,
        item: int | None,
        result: AttemptResult,
        why: ErrorInfo,
        step: Step,
        now: int,
    ) -> None:
        """A task, item or turn has been skipped."""

    def mark(
        self, task: str, mark: Mark, running: TaskRow | None, step: Step, now: int
    ) -> str | None:
        """Settle `task` as `mark` says; `running` is the row of its attempt under way. Returns
        why it cannot be, None where it is."""
        try:
            state, item = self._parts.find(task)
        except (KeyError, ValueError):
            return "has not begun"
        why_not = self._why_not(state, item, mark)
        if why_not is not None:
            return why_not
        attempt, began = (0, now) if running is None else (running.attempt, running.started_at)
        self._let_go(task, state, step)
        state.begun = True
        result = AttemptResult(
            id=AttemptId(self.start.id, task, attempt, self.start.epoch),
            started_at=now if began is None else began,
            finished_at=now,
            value=mark.value,
            error=mark.why,
        )
        if mark.state == "skipped" and mark.why is not None:
            self._skipped(state, item, result, mark.why, step, now)
        else:
            self._ended(result, step, now)
        return None

    def _why_not(self, state: NodeState, item: int | None, mark: Mark) -> str | None:
        node = state.planned.node
        if self._cancelled is not None:
            return "belongs to a run that is being cancelled"
        if state.settled:
            return f"has ended: it {state.settled}"
        if item is None and (node.mapped or node.loop is not None):
            if state.begun or mark.state == "succeeded":
                return "is made of items or turns: mark those"
        elif item is not None and node.body is not None:
            return "is made of tasks: mark those inside it"
        elif item is not None and f"{state.name}[{item}]" not in state.open:
            return "is not under way"
        return None

    def _let_go(self, task: str, state: NodeState, step: Step) -> None:
        """Whatever was about to happen to a task is not waited for any more."""
        self._marked.add(task)
        self._leave(task, step)
        self._undelivered.pop(task, None)
        if task in self._retrying and state.progress is not None:
            state.progress.hold()  # it has given its place away until its retry
        self._retrying.discard(task)
