"""The machine of one run: what happened comes in, what to do comes out.

Pure but for the conditions and collections that it evaluates in the run's scope. A node is
settled once: succeeded, failed, skipped, or blocked because an upstream failed (its row is
`skipped` with an `UpstreamFailed` error). Each settling counts down the nodes behind it, so
that a run costs its edges, never a rescan.

The run's state is that of its last nodes (those that nothing waits for), as in Airflow: it
fails if one of them failed or was blocked. A failure that a trigger rule deals with
(`all_done`, `one_failed`, ...) does not fail the run by itself.

Resuming: what is settled stays. An attempt that was under way is begun again under its own
number, since it has not failed: it does not count against `retries`. With `at_most_once` it
fails as `Interrupted`, for good.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from random import Random

from triphammer.flows.engine.maps import Item, MapProgress, item_number, items_of
from triphammer.flows.engine.plan import Plan, PlannedNode
from triphammer.flows.engine.result import run_result
from triphammer.flows.engine.retry import retry_delay
from triphammer.flows.engine.rows import cancelled, interrupted, resumed, retrying, row_of
from triphammer.flows.engine.rules import Upstream, judge
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.undelivered import Undelivered
from triphammer.flows.engine.values import Ending, Launch, RunStart, Step
from triphammer.flows.executors.contract import AttemptResult
from triphammer.flows.executors.outcome import describe
from triphammer.flows.journal import ErrorInfo, TaskRow

UPSTREAM_FAILED = "UpstreamFailed"


class _NodeState:
    """One node of the run. `settled` is "" until it is; `begun` once its rule said run."""

    __slots__ = ("begun", "planned", "progress", "settled", "upstream")

    def __init__(self, planned: PlannedNode) -> None:
        self.planned = planned
        self.upstream = Upstream(len(planned.node.upstream))
        self.settled = ""
        self.begun = False
        self.progress: MapProgress | None = None


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
        self._plan = plan
        self._random = random
        self._rows: Mapping[str, TaskRow] = {row.name: row for row in start.tasks}
        self._nodes = {name: _NodeState(planned) for name, planned in plan.nodes.items()}
        self._left = len(self._nodes)
        self._todo: deque[_NodeState] = deque()
        self._failed: list[str] = []
        self._first: tuple[str, ErrorInfo] | None = None
        self._undelivered: dict[str, Undelivered] = {}
        self._awaits = awaits

    def begin(self, step: Step, now: int) -> None:
        """Begin, or after a restart go on where the journal ends."""
        if self._rows:
            for state in self._nodes.values():
                self._recall(state)
        self._todo.extend(state for state in self._nodes.values())
        self._consider_all(step, now)

    def finished(self, result: AttemptResult, step: Step, now: int) -> None:
        """An attempt has ended: settle it, retry it, or go on with what waited for it."""
        name, item = item_number(result.id.task)
        state = self._nodes[name]
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
        progress = self._nodes[launch.node.name].progress
        if progress is None:
            step.now.append(launch)
            return
        progress.again(launch)
        step.now += progress.take()

    def close(self, step: Step, now: int) -> None:
        """End the run if nothing is left to do; after all results of a batch."""
        if self._left or self.ended:
            return
        self.ended = True
        step.ending = self._ending(now)

    def cancel(self, reason: str, running: Mapping[str, TaskRow], step: Step, now: int) -> None:
        """End the run. `running` are the rows of the attempts under way."""
        self.ended = True
        waiting = {name: row_of(w.result, "waiting") for name, w in self._undelivered.items()}
        running = {**running, **waiting}
        step.rows += [cancelled(row, now) for row in running.values()]
        for name, state in self._nodes.items():
            if not state.settled and name not in running:
                progress = state.progress
                total = None if progress is None else progress.total
                row = TaskRow(name=name, state="cancelled", finished_at=now, items=total)
                step.rows.append(row)
        error = ErrorInfo("Cancelled", reason)
        failed = tuple(self._failed)
        step.ending = Ending("cancelled", now, error=error, failed_tasks=failed)

    # --- what attempts bring --------------------------------------------------------------

    def _ended(self, result: AttemptResult, step: Step, now: int) -> None:
        step.rows.append(row_of(result, "succeeded" if result.error is None else "failed"))
        name, item = item_number(result.id.task)
        state = self._nodes[name]
        if item is None:
            self._task_done(state, result, step, now)
        else:
            self._item_done(state, item, result, step, now)

    def _task_done(self, state: _NodeState, result: AttemptResult, step: Step, now: int) -> None:
        name = state.planned.name
        if result.error is not None:
            self._note_failure(name, result.error)
            self._settle(state, "failed")
        else:
            self.scope.results[name] = result.value
            self._settle(state, "succeeded")
        self._consider_all(step, now)

    def _item_done(
        self, state: _NodeState, item: int, result: AttemptResult, step: Step, now: int
    ) -> None:
        progress = state.progress
        assert progress is not None
        if result.error is not None:
            progress.fail(item, result.error, result.id.attempt)
        else:
            progress.succeed(item, result.value)
        if progress.left == 0:
            self._map_done(state, progress, step, now)
            self._consider_all(step, now)
        else:
            step.now += progress.take()

    def _map_done(self, state: _NodeState, progress: MapProgress, step: Step, now: int) -> None:
        name, error = state.planned.name, progress.error()
        step.rows.append(
            TaskRow(
                name=name,
                state="succeeded" if error is None else "failed",
                attempt=1,
                started_at=progress.started_at,
                finished_at=now,
                error=error,
                items=progress.total,
            )
        )
        if error is None:
            self.scope.results[name] = progress.result()
            self._settle(state, "succeeded")
        else:
            self._note_failure(name, error)
            self._settle(state, "failed")

    def _retry(
        self,
        state: _NodeState,
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

    def _settle(self, state: _NodeState, how: str) -> None:
        state.settled = how
        self._left -= 1
        for name in state.planned.behind:
            after = self._nodes[name]
            up = after.upstream
            if how == "succeeded":
                up.succeeded += 1
            elif how == "failed":
                up.failed += 1
            elif how == "skipped":
                up.skipped += 1
            else:
                up.blocked += 1
            self._todo.append(after)

    def _note_failure(self, name: str, error: ErrorInfo) -> None:
        self._failed.append(name)
        if self._first is None:
            self._first = (name, error)

    def _consider_all(self, step: Step, now: int) -> None:
        """Judge the nodes whose upstreams have changed; a queue, since chains may be long."""
        while self._todo:
            state = self._todo.popleft()
            if not state.settled and not state.begun:
                self._consider(state, step, now)

    def _consider(self, state: _NodeState, step: Step, now: int) -> None:
        verdict = judge(state.planned.node.options.trigger_rule, state.upstream)
        if verdict == "run":
            self._begin_node(state, step, now)
        elif verdict == "skip":
            self._skip(state, step, now)
        elif verdict == "block":
            error = ErrorInfo(UPSTREAM_FAILED, self._why_blocked(state))
            name = state.planned.name
            step.rows.append(TaskRow(name=name, state="skipped", finished_at=now, error=error))
            self._settle(state, "blocked")

    def _why_blocked(self, state: _NodeState) -> str:
        above = state.planned.node.upstream
        bad = [up for up in above if self._nodes[up].settled in ("failed", "blocked")]
        return f"{', '.join(bad)} did not succeed"

    def _skip(self, state: _NodeState, step: Step, now: int) -> None:
        step.rows.append(TaskRow(name=state.planned.name, state="skipped", finished_at=now))
        self._settle(state, "skipped")

    def _fail_before(self, state: _NodeState, error: ErrorInfo, step: Step, now: int) -> None:
        """A task fails without an attempt of its own."""
        row = self._rows.get(state.planned.name)
        step.rows.append(
            TaskRow(
                name=state.planned.name,
                state="failed",
                attempt=0 if row is None else row.attempt,
                started_at=None if row is None else row.started_at,
                finished_at=now,
                error=error,
            )
        )
        self._note_failure(state.planned.name, error)
        self._settle(state, "failed")

    # --- beginning ------------------------------------------------------------------------

    def _begin_node(self, state: _NodeState, step: Step, now: int) -> None:
        node = state.planned.node
        what = "when="
        try:
            # What has a row had begun before the restart: its condition held then.
            # A condition has no truth of its own before it is evaluated: `is None`, not `or`.
            when = None if node.name in self._rows else node.options.when
            wanted = when is None or bool(when.evaluate(self.scope))
            what = "its items"
            items = items_of(node, self.scope) if node.mapped and wanted else None
        # Seam to user code: comparisons and iteration of values may raise anything.
        except Exception as error:  # noqa: BLE001
            info = describe(error, self.scope.secrets.mask)
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

    def _begin_task(self, state: _NodeState, step: Step, now: int) -> None:
        row = self._rows.get(state.planned.name)
        if row is not None and row.state == "running" and _once(state):
            self._fail_before(state, interrupted(row), step, now)
            return
        if row is not None and row.state == "waiting":
            self._wait_again(row, step, now)
            return
        due, launch = resumed(row, Launch(state.planned, state.planned.name, 1), now)
        if due > now:
            step.later.append((due, launch))
        else:
            step.launches.append(launch)

    def _begin_map(self, state: _NodeState, items: list[Item], step: Step, now: int) -> None:
        name = state.planned.name
        row = self._rows.get(name)
        begun = now if row is None or row.started_at is None else row.started_at
        progress = state.progress = MapProgress(state.planned, items, begun)
        waits = self._recall_items(state, progress, step, now) if self._rows else []
        if progress.left == 0:
            self._map_done(state, progress, step, now)
            return
        if row is None:
            running = TaskRow(
                name=name, state="running", attempt=1, started_at=now, items=progress.total
            )
            step.rides.append(running)
        step.launches += progress.take()
        for waiting in waits:
            self._wait_again(waiting, step, now)

    # --- taking up a run that was interrupted ---------------------------------------------

    def _recall(self, state: _NodeState) -> None:
        """Take over what the journal says of a node that had settled."""
        planned = state.planned
        row = self._rows.get(planned.name)
        if row is None or row.state not in ("succeeded", "failed", "skipped"):
            return
        if row.state == "failed":
            self._note_failure(planned.name, row.error or ErrorInfo("Unknown", ""))
        if row.state == "succeeded":
            self.scope.results[planned.name] = row.result
            if planned.node.mapped:
                self.scope.results[planned.name] = self._recall_map(planned, row).result()
        blocked = row.error is not None and row.error.type == UPSTREAM_FAILED
        self._settle(state, "blocked" if row.state == "skipped" and blocked else row.state)

    def _recall_map(self, planned: PlannedNode, row: TaskRow) -> MapProgress:
        """The results of a map that had succeeded."""
        total = row.items or 0
        # Only `Failed` of `collect` tells of the item itself.
        collects = planned.node.options.errors == "collect"
        items = items_of(planned.node, self.scope) if collects else [()] * total
        progress = MapProgress(planned, items, row.started_at or 0)
        for item in range(total):
            known = self._rows.get(f"{planned.name}[{item}]")
            if known is not None:
                progress.recall(known, item)
        return progress

    def _recall_items(
        self, state: _NodeState, progress: MapProgress, step: Step, now: int
    ) -> list[TaskRow]:
        """Take over what the journal says of the items of a map that was under way; those
        that wait for a delivery are returned."""
        waits: list[TaskRow] = []
        for item in range(progress.total):
            row = self._rows.get(f"{state.planned.name}[{item}]")
            if row is None or progress.recall(row, item):
                continue
            if row.state == "running" and _once(state):
                error = interrupted(row)
                failed = TaskRow(
                    name=row.name,
                    state="failed",
                    attempt=row.attempt,
                    started_at=row.started_at,
                    finished_at=now,
                    error=error,
                )
                step.rows.append(failed)
                progress.settle_failed(item, error, row.attempt)
                continue
            progress.leave_out(item)
            if row.state == "waiting":
                waits.append(row)
                progress.hold()
                continue
            due, launch = resumed(row, progress.launch(item, 1), now)
            if due > now:
                step.later.append((due, launch))
            else:
                progress.again(launch)
        return waits

    def _wait_again(self, row: TaskRow, step: Step, now: int) -> None:
        """Go on waiting for what a task has sent, unless it arrived meanwhile."""
        waiting = Undelivered.resumed(self.start, row)
        result = waiting.outcome()
        if result is None:
            self._undelivered[row.name] = waiting
        else:
            self._ended(result, step, now)

    # --- the end --------------------------------------------------------------------------

    def _ending(self, now: int) -> Ending:
        failed = tuple(self._failed)
        last = (s.settled for s in self._nodes.values() if not s.planned.behind)
        if any(how in ("failed", "blocked") for how in last):
            return Ending("failed", now, error=self._error(), failed_tasks=failed)
        try:
            result = run_result(self._plan, self.scope)
        # Seam to user code: what it returns is put together of values with their own methods.
        except Exception as error:  # noqa: BLE001
            info = describe(error, self.scope.secrets.mask)
            text = f"what the flow returns: {info.message}"
            why = ErrorInfo(info.type, text, info.traceback)
            return Ending("failed", now, error=why, failed_tasks=failed)
        return Ending("succeeded", now, result=result, failed_tasks=failed)

    def _error(self) -> ErrorInfo | None:
        if self._first is None:
            return None
        name, error = self._first
        return ErrorInfo(error.type, f"{name}: {error.message}", error.traceback)


def _once(state: _NodeState) -> bool:
    return state.planned.node.options.at_most_once
