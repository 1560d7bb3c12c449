"""The machine of one run: what happened comes in, what to do comes out. Pure but for values.

A node is settled once: succeeded, failed, skipped, or failed because an upstream did. Each
settling counts down the nodes behind it, so that a run costs its edges, never a rescan.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from triphammer.config.errors import TriphammerError
from triphammer.flows.codec import encode
from triphammer.flows.engine.maps import MapProgress, item_number, items_of
from triphammer.flows.engine.retry import retry_delay
from triphammer.flows.engine.rules import Upstream, judge
from triphammer.flows.engine.run_scope import RunScope, Stored
from triphammer.flows.engine.values import Launch, RunStart, Step
from triphammer.flows.executors.contract import AttemptResult
from triphammer.flows.expr import resolve
from triphammer.flows.graph import Graph, Node
from triphammer.flows.journal import Artifacts, Encoded, ErrorInfo, RunChange, TaskRow

UPSTREAM_FAILED = "UpstreamFailed"
INTERRUPTED = "Interrupted"


class RunMachine:
    """The state of one run. `scope` gives expressions their values."""

    def __init__(
        self,
        start: RunStart,
        behind: Mapping[str, tuple[str, ...]],
        scope: RunScope,
        results: dict[str, Stored],
        artifacts: Artifacts,
        random: Random,
    ) -> None:
        self.start = start
        self.graph: Graph = start.flow.graph
        self.scope = scope
        self._results = results
        self._behind = behind
        self._artifacts = artifacts
        self._random = random
        self._upstream = {n: Upstream(len(v.upstream)) for n, v in self.graph.nodes.items()}
        self._settled: dict[str, str] = {}
        self._maps: dict[str, MapProgress] = {}
        self._begun: set[str] = set()
        self._first_error: tuple[str, ErrorInfo] | None = None
        self._failed: list[str] = []
        self.ended = False

    def begin(self, now: int) -> Step:
        """The first step, or after a restart the step that goes on where the journal ends."""
        step = Step.empty()
        rows = {row.name: row for row in self.start.tasks}
        for name, node in self.graph.nodes.items():
            row = rows.get(name)
            if row is not None and row.state in ("succeeded", "failed", "skipped"):
                self._recall(node, row, rows)
        for name in self.graph.nodes:
            self._consider(name, step, now, rows)
        self._maybe_end(step, now)
        return step

    def finished(self, result: AttemptResult, now: int) -> Step:
        """An attempt has ended: settle it, retry it, or go on with what waited for it."""
        step = Step.empty()
        name, item = item_number(result.id.task)
        node = self.graph.nodes[name]
        if result.error is not None and self._retry(node, result, step, now):
            return step
        if item is None:
            self._settle_task(node, result, step, now)
        else:
            self._settle_item(node, item, result, step, now)
        self._maybe_end(step, now)
        return step

    def cancel(self, reason: str, now: int, running: Mapping[str, int]) -> Step:
        """End the run: every task under way or not begun is cancelled."""
        step = Step.empty()
        for name, attempt in running.items():
            step.rows.append(
                TaskRow(name=name, state="cancelled", attempt=attempt, finished_at=now)
            )
        for name in self.graph.nodes:
            if name not in self._settled and name not in running:
                step.rows.append(TaskRow(name=name, state="cancelled", finished_at=now))
        step.ended = self._end("cancelled", now, ErrorInfo("Cancelled", reason))
        return step

    # --- settling ------------------------------------------------------------------------

    def _settle_task(self, node: Node, result: AttemptResult, step: Step, now: int) -> None:
        row = _row_of(node.name, result)
        step.rows.append(row)
        if result.error is not None:
            self._note_failure(node.name, result.error)
            self._settle(node.name, "failed", step, now)
            return
        self._results[node.name] = result.value
        self._settle(node.name, "succeeded", step, now)

    def _settle_item(
        self, node: Node, item: int, result: AttemptResult, step: Step, now: int
    ) -> None:
        progress = self._maps[node.name]
        step.rows.append(_row_of(f"{node.name}[{item}]", result))
        if result.error is not None:
            progress.fail(item, result.error, result.id.attempt)
            if node.options.errors == "fail":
                self._note_failure(f"{node.name}[{item}]", result.error)
        else:
            progress.succeed(item, result.value)
        step.launches += progress.next_launches()
        if progress.left == 0:
            self._settle_map(node, progress, step, now)

    def _settle_map(self, node: Node, progress: MapProgress, step: Step, now: int) -> None:
        state, error = progress.verdict()
        step.rows.append(
            TaskRow(
                name=node.name,
                state=state,
                attempt=1,
                started_at=progress.started_at,
                finished_at=now,
                error=error,
                items=progress.total,
            )
        )
        if state == "succeeded":
            self._results[node.name] = progress.result()
        elif error is not None:
            self._note_failure(node.name, error)
        self._settle(node.name, state, step, now)

    def _settle(self, name: str, how: str, step: Step, now: int) -> None:
        self._count(name, how)
        for after in self._behind.get(name, ()):
            self._consider(after, step, now, {})

    def _count(self, name: str, how: str) -> None:
        self._settled[name] = how
        for after in self._behind.get(name, ()):
            up = self._upstream[after]
            if how == "succeeded":
                up.succeeded += 1
            elif how == "failed":
                up.failed += 1
            else:
                up.skipped += 1

    def _note_failure(self, name: str, error: ErrorInfo) -> None:
        self._failed.append(name)
        if self._first_error is None:
            self._first_error = (name, error)

    # --- beginning -----------------------------------------------------------------------

    def _consider(self, name: str, step: Step, now: int, rows: Mapping[str, TaskRow]) -> None:
        if name in self._settled or name in self._begun:
            return
        node = self.graph.nodes[name]
        verdict = judge(node.options.trigger_rule, self._upstream[name])
        if verdict == "wait":
            return
        if verdict == "fail":
            error = ErrorInfo(UPSTREAM_FAILED, "a task before it failed")
            self._skip(name, step, now, error, "failed")
            return
        if verdict == "skip":
            self._skip(name, step, now, None, "skipped")
            return
        self._begin_node(node, step, now, rows)

    def _skip(
        self, name: str, step: Step, now: int, error: ErrorInfo | None, counts_as: str
    ) -> None:
        step.rows.append(TaskRow(name=name, state="skipped", finished_at=now, error=error))
        self._settle(name, counts_as, step, now)

    def _begin_node(self, node: Node, step: Step, now: int, rows: Mapping[str, TaskRow]) -> None:
        try:
            wanted = node.options.when is None or bool(node.options.when.evaluate(self.scope))
            items = items_of(node, self.scope) if node.mapped and wanted else None
        except (LookupError, TypeError, ValueError, AttributeError, TriphammerError) as error:
            self._fail_before(node, error, step, now)
            return
        if not wanted:
            self._skip(node.name, step, now, None, "skipped")
        elif items is not None:
            self._begin_map(node, items, step, now, rows)
        else:
            self._begin_task(node, step, now, rows.get(node.name))

    def _fail_before(self, node: Node, error: Exception, step: Step, now: int) -> None:
        """What a task needs cannot be evaluated: it fails without an attempt."""
        what = "when=" if not node.mapped else "when= or the items"
        info = ErrorInfo(type(error).__name__, f"{node.where}: {what} of {node.name}: {error}")
        step.rows.append(TaskRow(name=node.name, state="failed", finished_at=now, error=info))
        self._note_failure(node.name, info)
        self._settle(node.name, "failed", step, now)

    def _begin_task(self, node: Node, step: Step, now: int, row: TaskRow | None) -> None:
        self._begun.add(node.name)
        attempt, due = 1, 0
        if row is not None and row.state in ("running", "retrying"):
            attempt, due = row.attempt + 1, row.due_at or 0
            if row.state == "running" and node.options.at_most_once:
                self._interrupted(node.name, node, row, step, now)
                return
        launch = Launch(node, node.name, attempt, due=due)
        (step.retries if due > now else step.launches).append(launch)

    def _interrupted(self, name: str, node: Node, row: TaskRow, step: Step, now: int) -> None:
        error = ErrorInfo(INTERRUPTED, f"the daemon ended while {name} ran; it runs at most once")
        step.rows.append(
            TaskRow(name=name, state="failed", attempt=row.attempt, finished_at=now, error=error)
        )
        self._note_failure(name, error)
        self._settle(node.name, "failed", step, now)

    def _begin_map(
        self,
        node: Node,
        items: list[tuple[Any, ...]],
        step: Step,
        now: int,
        rows: Mapping[str, TaskRow],
    ) -> None:
        self._begun.add(node.name)
        progress = MapProgress(node, items, now)
        self._maps[node.name] = progress
        progress.recall(rows)
        if progress.left == 0:
            self._settle_map(node, progress, step, now)
            return
        if node.name not in rows:
            step.rows.append(
                TaskRow(
                    name=node.name, state="running", attempt=1, started_at=now, items=len(items)
                )
            )
        step.launches += progress.next_launches()

    # --- retries, memory, the end ---------------------------------------------------------

    def _retry(self, node: Node, result: AttemptResult, step: Step, now: int) -> bool:
        assert result.error is not None
        attempt, name = result.id.attempt, result.id.task
        step.failed_attempts.append(
            (name, attempt, result.started_at, result.finished_at, result.error)
        )
        if not result.retryable or attempt > node.options.retries:
            return False
        due = now + int(1e6 * retry_delay(node.options.backoff, attempt, self._random))
        step.rows.append(
            TaskRow(
                name=name,
                state="retrying",
                attempt=attempt,
                started_at=result.started_at,
                finished_at=result.finished_at,
                due_at=due,
                error=result.error,
            )
        )
        _, item = item_number(name)
        value = self._maps[node.name].items[item] if item is not None else ()
        step.retries.append(Launch(node, name, attempt + 1, item, value, due))
        return True

    def _recall(self, node: Node, row: TaskRow, rows: Mapping[str, TaskRow]) -> None:
        """Take over what the journal says of a node that had settled before the restart."""
        if row.state == "succeeded":
            if node.mapped:
                progress = MapProgress.recalled(node, row, rows)
                self._results[node.name] = progress.result()
            else:
                self._results[node.name] = row.result
            self._count(node.name, "succeeded")
        elif row.state == "failed":
            if row.error is not None:
                self._note_failure(node.name, row.error)
            self._count(node.name, "failed")
        else:
            failed = row.error is not None and row.error.type == UPSTREAM_FAILED
            self._count(node.name, "failed" if failed else "skipped")

    def _maybe_end(self, step: Step, now: int) -> None:
        if self.ended or len(self._settled) < len(self.graph.nodes):
            return
        leaves = (n for n in self.graph.nodes if not self._behind.get(n))
        if any(self._settled[leaf] == "failed" for leaf in leaves):
            step.ended = self._end("failed", now, self._error())
            return
        try:
            value = resolve(self.graph.result, self.scope)
            result = encode(value, Any, self._artifacts, name="the flow's result")
        except (LookupError, TypeError, ValueError, AttributeError, TriphammerError) as error:
            info = ErrorInfo(type(error).__name__, f"the result of the flow: {error}")
            step.ended = self._end("failed", now, info)
            return
        step.ended = self._end("succeeded", now, None, result)

    def _error(self) -> ErrorInfo | None:
        if self._first_error is None:
            return None
        name, error = self._first_error
        return ErrorInfo(error.type, f"{name}: {error.message}", error.traceback)

    def _end(
        self, state: str, now: int, error: ErrorInfo | None, result: Encoded | None = None
    ) -> RunChange:
        self.ended = True
        return RunChange(
            run=self.start.id,
            flow=self.start.flow.name,
            epoch=self.start.epoch,
            state=state,
            finished_at=now,
            error=error,
            result=result,
            failed_tasks=tuple(self._failed),
        )


def behind_of(graph: Graph) -> dict[str, tuple[str, ...]]:
    """For each node the nodes that wait for it."""
    behind: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        for up in node.upstream:
            behind.setdefault(up, []).append(name)
    return {name: tuple(names) for name, names in behind.items()}


def hints_of(graph: Graph) -> dict[str, Any]:
    """For each node the annotation of its (or of its items') result."""
    return {name: node.spec.hints.get("return", Any) for name, node in graph.nodes.items()}


def _row_of(name: str, result: AttemptResult) -> TaskRow:
    return TaskRow(
        name=name,
        state="succeeded" if result.error is None else "failed",
        attempt=result.id.attempt,
        started_at=result.started_at,
        finished_at=result.finished_at,
        result=result.value,
        error=result.error,
    )
