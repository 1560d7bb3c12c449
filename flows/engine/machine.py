"""The machine of one run: what happened comes in, what to do comes out.

Pure but for the conditions and collections that it evaluates in the run's scope. A node is
settled once: succeeded, failed, skipped, or blocked because an upstream failed (its row is
`skipped` with an `UpstreamFailed` error).

The run's state is that of its last nodes (those that nothing waits for), as in Airflow: it
fails if one of them failed or was blocked. A failure that a trigger rule deals with
(`all_done`, `one_failed`, ...) does not fail the run by itself.

Resuming: see `recall`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from triphammer.flows.engine.ending import Failures, ending
from triphammer.flows.engine.maps import Item, MapProgress, item_number, items_of
from triphammer.flows.engine.part import NodeState, Part
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.recall import how_settled, recall_items, recalled_map, why_cancelled
from triphammer.flows.engine.retry import retry_delay
from triphammer.flows.engine.rows import (
    CANCELLED,
    cancelled,
    failed_row,
    interrupted,
    resumed,
    retrying,
    row_of,
    skipped_row,
)
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.undelivered import Undelivered
from triphammer.flows.engine.values import Launch, RunStart, Step
from triphammer.flows.executors.contract import AttemptResult
from triphammer.flows.executors.outcome import describe
from triphammer.flows.journal import ErrorInfo, TaskRow
from triphammer.flows.outcomes import Ended


class RunMachine:
    """The state of one run. After each call the step given holds what was decided.

    `awaits`: somebody delivers messages, so that `wait="delivered"` can wait.
    """

    def __init__(
        self,
        start: RunStart,
        plan: Plan,
        scope: RunScope,
        random: Random,
        *,
        awaits: bool = True,
    ) -> None:
        self.start = start
        self.scope = scope
        self.ended = False
        self._random = random
        self._rows: Mapping[str, TaskRow] = {row.name: row for row in start.tasks}
        self._part = Part(plan, scope)
        self._todo: deque[NodeState] = deque()
        self._failures = Failures()
        self._undelivered: dict[str, Undelivered] = {}
        self._awaits = awaits
        self._cancelled: ErrorInfo | None = None
        self._asked = False

    def begin(self, step: Step, now: int) -> None:
        """Begin, or after a restart go on where the journal ends."""
        if self._rows:
            self._cancelled = why_cancelled(self._rows)
            self._asked = self._cancelled is not None
            for state in self._part.nodes.values():
                self._recall(state)
        self._todo.extend(self._part.nodes.values())
        self._consider_all(step, now)

    def finished(self, result: AttemptResult, step: Step, now: int) -> None:
        """An attempt has ended: settle it, retry it, or go on with what waited for it."""
        state, item = self._find(result.id.task)
        if result.error is not None:
            step.failed_attempts.append(
                (
                    result.id.task,
                    result.id.attempt,
                    result.started_at,
                    result.finished_at,
                    result.error,
                )
            )
            if result.retryable and result.id.attempt <= state.planned.node.options.retries:
                self._retry(state, result, item, step, now)
                return
        elif state.planned.node.options.wait is not None and result.outbox and self._awaits:
            ids = {message.id for message in result.outbox}
            self._undelivered[result.id.task] = Undelivered(result, ids)
            step.rows.append(row_of(result, "waiting"))
            return
        self._ended(result, step, now)

    def delivered(self, task: str, message: str, error: str | None, step: Step, now: int) -> None:
        """A message of a task that may wait for it has arrived, or (`error`) never will."""
        waiting = self._undelivered.get(task)
        if waiting is None:
            return
        result = waiting.after(message, error)
        if result is not None:
            del self._undelivered[task]
            self._ended(result, step, now)

    def due(self, launch: Launch, step: Step) -> None:
        """The time of a retry has come."""
        state = self._find(launch.name)[0]
        progress = state.progress
        if state.settled:  # the run is being cancelled
            return
        if progress is None:
            step.now.append(launch)
            return
        progress.again(launch)
        step.now += progress.take()

    def close(self, step: Step, now: int) -> None:
        """End the run if nothing is left to do; after all results of a batch."""
        if self._part.left or self.ended:
            return
        self.ended = True
        step.ending = ending(self._part, self._failures, now, self._cancelled)

    def cancel(
        self, reason: str, running: Mapping[str, TaskRow], step: Step, now: int
    ) -> Sequence[str]:
        """End the run, `running` being the rows of the attempts under way; which to stop.

        Teardowns still run, and setups under way go on to their end, so that what they have
        made is undone. A second call ends these too.
        """
        hard, self._asked = self._asked, True
        waiting = {name: row_of(w.result, "waiting") for name, w in self._undelivered.items()}
        running = {**running, **waiting}
        cut = [s for s in self._states() if not s.settled and (hard or not _goes_on(s, running))]
        if not cut:
            return ()
        self._cancelled = self._cancelled or ErrorInfo(CANCELLED, reason)
        stopped = [name for name in running if self._find(name)[0] in cut]
        for name in stopped:
            self._undelivered.pop(name, None)
            step.rows.append(cancelled(running[name], self._cancelled, now))
        for state in cut:
            self._cancel_node(state, self._cancelled, step, now, told=state.name in running)
        self._consider_all(step, now)
        return stopped

    def wants(self, launch: Launch) -> bool:
        """Whether an attempt may still begin: the run may have been cancelled meanwhile."""
        return self._cancelled is None or not self._find(launch.name)[0].settled

    def _states(self) -> Iterable[NodeState]:
        return self._part.nodes.values()

    def _find(self, task: str) -> tuple[NodeState, int | None]:
        """The node that a task belongs to, and which of its items the task is."""
        name, item = item_number(task)
        return self._part.nodes[name], item

    # --- what attempts bring --------------------------------------------------------------

    def _ended(self, result: AttemptResult, step: Step, now: int) -> None:
        step.rows.append(row_of(result, "succeeded" if result.error is None else "failed"))
        state, item = self._find(result.id.task)
        if item is None:
            self._task_done(state, result, now)
        else:
            self._item_done(state, item, result, step, now)
        self._consider_all(step, now)

    def _task_done(self, state: NodeState, result: AttemptResult, now: int) -> None:
        if result.error is not None:
            self._fail(state, result.error, now)
        else:
            state.part.scope.results[state.planned.name] = result.value
            self._settle(state, "succeeded", result.finished_at)

    def _item_done(
        self, state: NodeState, item: int, result: AttemptResult, step: Step, now: int
    ) -> None:
        progress = state.progress
        assert progress is not None
        if result.error is not None:
            progress.fail(item, result.error, result.id.attempt)
        else:
            progress.succeed(item, result.value)
        if progress.left == 0:
            self._map_done(state, progress, step, now)
        else:
            step.now += progress.take()

    def _map_done(self, state: NodeState, progress: MapProgress, step: Step, now: int) -> None:
        error = progress.error()
        step.rows.append(
            TaskRow(
                name=state.name,
                state="succeeded" if error is None else "failed",
                attempt=1,
                started_at=progress.started_at,
                finished_at=now,
                error=error,
                items=progress.total,
            )
        )
        if error is not None:
            self._fail(state, error, now)
        else:
            state.part.scope.results[state.planned.name] = progress.result()
            self._settle(state, "succeeded", now)

    def _retry(
        self,
        state: NodeState,
        result: AttemptResult,
        item: int | None,
        step: Step,
        now: int,
    ) -> None:
        id, options = result.id, state.planned.node.options
        due = now + int(1e6 * retry_delay(options.backoff, id.attempt, self._random))
        step.rows.append(retrying(result, due))
        progress = state.progress
        if progress is None or item is None:
            step.later.append((due, Launch(state.planned, id.task, id.attempt + 1)))
            return
        progress.pause()
        step.later.append((due, progress.launch(item, id.attempt + 1)))
        step.now += progress.take()

    # --- settling -------------------------------------------------------------------------

    def _settle(self, state: NodeState, how: str, at: int, error: ErrorInfo | None = None) -> None:
        ended = Ended("skipped" if how == "blocked" else how, error, at)
        self._todo.extend(state.part.settle(state, how, ended))

    def _fail(self, state: NodeState, error: ErrorInfo, at: int) -> None:
        self._failures.note(state.name, error)
        self._settle(state, "failed", at, error)

    def _consider_all(self, step: Step, now: int) -> None:
        """Judge the nodes whose upstreams have changed; a queue, since chains may be long."""
        while self._todo:
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
        self, state: NodeState, why: ErrorInfo, step: Step, now: int, *, told: bool = False
    ) -> None:
        if not told:
            total = None if state.progress is None else state.progress.total
            row = TaskRow(name=state.name, state="pending", items=total)
            step.rows.append(cancelled(row, why, now))
        self._settle(state, "cancelled", now, why)

    def _fail_before(self, state: NodeState, error: ErrorInfo, step: Step, now: int) -> None:
        """A task fails without an attempt of its own."""
        step.rows.append(failed_row(state.name, self._rows.get(state.name), error, now))
        self._fail(state, error, now)

    # --- beginning ------------------------------------------------------------------------

    def _begin_node(self, state: NodeState, step: Step, now: int) -> None:
        node, scope = state.planned.node, state.part.scope
        what = "when="
        try:
            # What has a row had begun before the restart: its condition held then.
            # A condition has no truth of its own before it is evaluated: `is None`, not `or`.
            when = None if state.name in self._rows else node.options.when
            wanted = when is None or bool(when.evaluate(scope))
            what = "its items"
            items = items_of(node, scope) if node.mapped and wanted else None
        # Seam to user code: comparisons and iteration of values may raise anything.
        except Exception as error:  # noqa: BLE001
            info = describe(error, scope.secrets.mask)
            text = f"{what} ({node.where}): {info.message}"
            self._fail_before(state, ErrorInfo(info.type, text, info.traceback), step, now)
            return
        if not wanted:
            self._skip(state, step, now)
            return
        state.begun = True
        if items is None:
            self._begin_task(state, step, now)
        else:
            self._begin_map(state, items, step, now)

    def _begin_task(self, state: NodeState, step: Step, now: int) -> None:
        row = self._rows.get(state.name)
        if row is not None and row.state == "running" and state.at_most_once:
            self._fail_before(state, interrupted(row), step, now)
            return
        if row is not None and row.state == "waiting":
            self._wait_again(row, step, now)
            return
        due, launch = resumed(row, Launch(state.planned, state.name, 1), now)
        if due > now:
            step.later.append((due, launch))
        else:
            step.launches.append(launch)

    def _begin_map(self, state: NodeState, items: list[Item], step: Step, now: int) -> None:
        row = self._rows.get(state.name)
        begun = now if row is None or row.started_at is None else row.started_at
        progress = state.progress = MapProgress(state.planned, items, begun)
        waits = recall_items(state, progress, self._rows, step, now) if self._rows else []
        if progress.left == 0:
            self._map_done(state, progress, step, now)
            return
        if row is None:
            running = TaskRow(
                name=state.name, state="running", attempt=1, started_at=now, items=progress.total
            )
            step.rides.append(running)
        step.launches += progress.take()
        for waiting in waits:
            self._wait_again(waiting, step, now)

    # --- taking up a run that was interrupted ---------------------------------------------

    def _recall(self, state: NodeState) -> None:
        """Take over what the journal says of a node that had settled."""
        row = self._rows.get(state.name)
        how = how_settled(row)
        if row is None or not how:
            return
        if how == "failed":
            self._fail(state, row.error or ErrorInfo("Unknown", ""), row.finished_at or 0)
            return
        if how == "succeeded":
            results, name = state.part.scope.results, state.planned.name
            results[name] = row.result
            if state.planned.node.mapped:
                results[name] = recalled_map(state, row, self._rows).result()
        self._settle(state, how, row.finished_at or 0, row.error)

    def _wait_again(self, row: TaskRow, step: Step, now: int) -> None:
        """Go on waiting for what a task has sent, unless it arrived meanwhile."""
        waiting = Undelivered.resumed(self.start, row)
        result = waiting.outcome()
        if result is None:
            self._undelivered[row.name] = waiting
        else:
            self._ended(result, step, now)


def _goes_on(state: NodeState, running: Mapping[str, TaskRow]) -> bool:
    """Whether cancelling leaves a node alone."""
    return state.role == "teardown" or (state.role == "setup" and state.name in running)
