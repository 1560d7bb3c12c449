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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from triphammer.flows.engine.ending import ending
from triphammer.flows.engine.maps import Item, MapProgress, items_of
from triphammer.flows.engine.marking import Marking
from triphammer.flows.engine.part import NodeState, Part, goes_on, without_handlers
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.policy import tries_again
from triphammer.flows.engine.recall import (
    begun_inside,
    how_settled,
    recall_items,
    recalled_map,
    why_cancelled,
)
from triphammer.flows.engine.result import body_result
from triphammer.flows.engine.retry import retry_delay
from triphammer.flows.engine.rows import (
    CANCELLED,
    RUN_TIMEOUT,
    cancelled,
    failed_row,
    interrupted,
    many_row,
    resumed,
    retrying,
    row_of,
    skipped_row,
)
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.turns import Turns
from triphammer.flows.engine.undelivered import Undelivered
from triphammer.flows.engine.values import Launch, RunStart, Step
from triphammer.flows.engine.waits import WAITS
from triphammer.flows.errors import LoopExhausted
from triphammer.flows.executors.contract import AttemptResult
from triphammer.flows.executors.outcome import describe
from triphammer.flows.expr import resolve
from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow


class RunMachine(Marking):
    """The state of one run. After each call the step given holds what was decided.

    `awaits`: somebody delivers messages, so that `wait="delivered"` can wait. `zone`: see
    `Waiting`.
    """

    def __init__(
        self,
        start: RunStart,
        plan: Plan,
        scope: RunScope,
        random: Random,
        *,
        awaits: bool = True,
        zone: str = "UTC",
    ) -> None:
        super().__init__(start, plan, scope, zone=zone)
        self.scope = scope
        self.ended = False
        self._random = random
        self._awaits = awaits
        self._asked = False

    def begin(self, step: Step, now: int) -> None:
        """Begin, or after a restart go on where the journal ends."""
        if self._rows:
            self._cancelled = why_cancelled(self._rows)
            self._asked = self._cancelled is not None
            self._failures.recall(self._rows.values())
        self._take_in(self._parts.root)
        self._consider_all(step, now)

    def finished(self, result: AttemptResult, step: Step, now: int) -> None:
        """An attempt has ended: settle it, retry it, or go on with what waited for it."""
        state, item = self._parts.find(result.id.task)
        options = state.planned.node.options
        if result.skipped and result.error is not None:
            self._skipped(state, item, result, result.error, step, now)
            return
        if result.error is not None:
            id, begun, ended = result.id, result.started_at, result.finished_at
            step.failed_attempts.append((id.task, id.attempt, begun, ended, result.error))
            again = result.retryable and tries_again(options, result.kinds)
            if again and id.attempt - self.earlier(id.task) <= options.retries:
                self._retry(state, result, item, step, now)
                return
        elif options.wait is not None and result.outbox and self._awaits:
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
        self._retrying.discard(launch.name)
        if not self.wants(launch):
            return
        progress = self._parts.find(launch.name)[0].progress
        if progress is None:
            step.now.append(launch)
            return
        progress.again(launch)
        step.now += progress.take()

    def close(self, step: Step, now: int) -> None:
        """End the run if nothing is left to do; after all results of a batch."""
        root = self._parts.root
        self._retrying.update(launch.name for _, launch in step.later)
        if self._pending:
            self._pending.difference_update(row.name for row in (*step.rows, *step.rides))
        if root.left or self.ended:
            return
        self.ended = True
        # Items and turns that there were in an earlier life of the run, and are no more.
        step.rows += [skipped_row(name, now) for name in sorted(self._pending)]
        step.ending = ending(root, self._failures, now, self._cancelled)

    @property
    def is_cancelled(self) -> bool:
        """Whether the run is being ended before its time."""
        return self._asked

    def cancel(
        self,
        reason: str,
        running: Mapping[str, TaskRow],
        step: Step,
        now: int,
        kind: str = CANCELLED,
    ) -> Sequence[str]:
        """End the run, `running` being the rows of the attempts under way; which to stop.

        Teardowns still run, and setups under way go on to their end, so that what they have
        made is undone; handlers of the flow too where its time is over, since it has failed. A
        second call ends these too.
        """
        hard, self._asked = self._asked, True
        waiting = {name: row_of(w.result, "waiting") for name, w in self._undelivered.items()}
        running, parts = {**running, **waiting, **self._waits}, self._parts
        left = [state for state in parts.states() if not state.settled]
        cut = [state for state in left if hard or not goes_on(state, parts, running)]
        if kind == RUN_TIMEOUT and not hard:
            cut = without_handlers(cut, parts)
        if not cut:
            return ()
        why = self._cancelled = self._cancelled or ErrorInfo(kind, reason)
        stopped = [name for name in running if parts.find(name)[0] in set(cut)]
        for name in stopped:
            self._undelivered.pop(name, None)
            self._leave(name, step)
            step.rows.append(cancelled(running[name], why, now))
        for state in cut:
            self._cancel_node(state, why, step, now, running)
        self._consider_all(step, now)
        return stopped

    def earlier(self, task: str) -> int:
        """How many attempts of a task were before an operator had it run again."""
        return self._earlier.get(task, 0)

    def wanted(self, launches: Iterable[Launch]) -> Iterator[Launch]:
        """Those that may still begin. The first attempt after an operator had a task run again
        is counted on from those before."""
        for launch in filter(self.wants, launches):
            earlier = self.earlier(launch.name)
            if earlier and launch.attempt == 1:
                yield msgspec.structs.replace(launch, attempt=earlier + 1)
            else:
                yield launch

    def wants(self, launch: Launch) -> bool:
        """Whether an attempt may still begin: the run may have been cancelled meanwhile, or the
        task marked."""
        if launch.name in self._marked:
            return False
        if self._cancelled is None:
            return True
        try:
            return not self._parts.find(launch.name)[0].settled
        except KeyError:  # with all that it was inside of
            return False

    # --- what attempts bring --------------------------------------------------------------

    def _ended(self, result: AttemptResult, step: Step, now: int) -> None:
        step.rows.append(row_of(result, "succeeded" if result.error is None else "failed"))
        state, item = self._parts.find(result.id.task)
        value, error = result.value, result.error
        if item is None:
            self._task_done(state, value, error, result.finished_at)
        elif state.turns is not None:
            self._turn_done(state, state.turns, value, error, step, now)
        else:
            self._item_done(state, item, value, error, result.id.attempt, step, now)
        self._consider_all(step, now)

    def _skipped(
        self,
        state: NodeState,
        item: int | None,
        result: AttemptResult,
        why: ErrorInfo,
        step: Step,
        now: int,
    ) -> None:
        """A task has skipped itself."""
        step.rows.append(row_of(result, "skipped"))
        turns, progress = state.turns, state.progress
        if turns is not None:
            turns.turn += 1
            _no_longer_running(state, step)
            row = many_row(state.name, turns.started_at, now, why, turns.turn, skipped=True)
            step.rows.append(row)
        if item is None or progress is None:
            self._settle(state, "skipped", result.finished_at, why)
        else:
            progress.skip(item, why, result.id.attempt)
            self._map_goes_on(state, progress, step, now)
        self._consider_all(step, now)

    def _task_done(
        self, state: NodeState, value: Encoded | None, error: ErrorInfo | None, at: int
    ) -> None:
        if error is not None:
            self._fail(state, error, at)
        else:
            state.part.scope.results[state.planned.name] = value
            self._settle(state, "succeeded", at)

    def _item_done(
        self,
        state: NodeState,
        item: int,
        value: Encoded | None,
        error: ErrorInfo | None,
        attempts: int,
        step: Step,
        now: int,
    ) -> None:
        progress = state.progress
        assert progress is not None
        if error is not None:
            progress.fail(item, error, attempts)
        else:
            progress.succeed(item, value)
        self._map_goes_on(state, progress, step, now)

    def _map_goes_on(self, state: NodeState, progress: MapProgress, step: Step, now: int) -> None:
        if progress.left == 0:
            self._map_done(state, progress, step, now)
        else:
            self._go(state, progress.take(), step.now, now)

    def _map_done(self, state: NodeState, progress: MapProgress, step: Step, now: int) -> None:
        error, why = progress.error(), progress.why_skipped()
        _no_longer_running(state, step)
        began, total, skipped = progress.started_at, progress.total, why is not None
        row = many_row(state.name, began, now, error or why, total, skipped=skipped)
        step.rows.append(row)
        if why is not None:
            self._settle(state, "skipped", now, why)
        elif error is not None:
            self._fail(state, error, now)
        else:
            state.part.scope.results[state.planned.name] = progress.result()
            self._settle(state, "succeeded", now)

    def _turn_done(
        self,
        state: NodeState,
        turns: Turns,
        value: Encoded | None,
        error: ErrorInfo | None,
        step: Step,
        now: int,
    ) -> None:
        if error is None:
            turns.succeed(value)
            self._next_turn(state, turns, step, now)
            return
        text = f"{state.name}[{turns.turn}]: {error.message}"
        turns.turn += 1
        self._loop_done(state, turns, ErrorInfo(error.type, text, error.traceback), step, now)

    def _loop_done(
        self, state: NodeState, turns: Turns, error: ErrorInfo | None, step: Step, now: int
    ) -> None:
        last = turns.last if error is None else None
        _no_longer_running(state, step)
        step.rows.append(many_row(state.name, turns.started_at, now, error, turns.turn, last))
        self._task_done(state, last, error, now)

    def _part_done(self, part: Part, step: Step, now: int) -> None:
        """All that was inside one item or turn has ended."""
        owner, item = part.owner, part.item
        self._parts.close(part)
        if owner is None or owner.settled:  # cancelled as a whole
            return
        name, why = part.prefix.removesuffix("/"), self._cancelled
        if why is not None:
            if not self._parts.of(owner):
                self._cancel_node(owner, why, step, now)
            return
        value, error = _outcome(part, name)
        state = "succeeded" if error is None else "failed"
        step.rows.append(
            TaskRow(
                name=name,
                state=state,
                attempt=1,
                started_at=part.started_at,
                finished_at=now,
                result=value,
                error=error,
            )
        )
        if owner.turns is not None:
            self._turn_done(owner, owner.turns, value, error, step, now)
        else:
            self._item_done(owner, item, value, error, 1, step, now)

    def _retry(
        self,
        state: NodeState,
        result: AttemptResult,
        item: int | None,
        step: Step,
        now: int,
    ) -> None:
        id, options = result.id, state.planned.node.options
        failed = id.attempt - self.earlier(id.task)
        due = now + int(1e6 * retry_delay(options.backoff, failed, self._random))
        step.rows.append(retrying(result, due))
        step.later.append((due, state.launch(item, id.attempt + 1)))
        if state.progress is not None:
            state.progress.pause()
            step.now += state.progress.take()

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
            what = "its first turn"
            first = resolve(node.args, scope) if node.loop is not None and wanted else ()
            what = "what it waits for"
            waits = node.spec.kind in WAITS
            wait = self._wait_of(state, now) if waits and wanted else None
        # Seam to user code: comparisons and iteration of values may raise anything.
        except Exception as error:  # noqa: BLE001
            self._fail_before(state, self._described(state, error, what), step, now)
            return
        if not wanted:
            self._skip(state, step, now)
            return
        state.begun = True
        if items is not None:
            self._begin_map(state, items, step, now)
        elif node.loop is not None:
            self._begin_loop(state, first, step, now)
        elif waits:
            self._begin_wait(state, wait, step, now)
        else:
            self._attempt(state, state.launch(None, 1), step, now)

    def _described(self, state: NodeState, error: Exception, what: str) -> ErrorInfo:
        info = describe(error, self.scope.secrets.mask)
        text = f"{what} ({state.planned.node.where}): {info.message}"
        return ErrorInfo(info.type, text, info.traceback)

    def _attempt(self, state: NodeState, launch: Launch, step: Step, now: int) -> None:
        """Begin the first attempt of a task or turn, or go on with the one the journal knows."""
        row = self._rows.get(launch.name)
        if row is not None and row.state == "running" and state.at_most_once:
            error = interrupted(row)
            if state.turns is None:
                self._fail_before(state, error, step, now)
                return
            step.rows.append(failed_row(launch.name, row, error, now))
            self._turn_done(state, state.turns, None, error, step, now)
            return
        if row is not None and row.state == "waiting":
            self._wait_again(row, step, now)
            return
        due, launch = resumed(row, launch, now)
        if due > now:
            step.later.append((due, launch))
        else:
            step.launches.append(launch)

    def _begun(self, state: NodeState, step: Step, now: int, items: int | None) -> int:
        """When a map or loop began; that it does now rides on the next change."""
        row = self._rows.get(state.name)
        if row is None:
            step.rides.append(
                TaskRow(name=state.name, state="running", attempt=1, started_at=now, items=items)
            )
        return now if row is None or row.started_at is None else row.started_at

    def _begin_map(self, state: NodeState, items: list[Item], step: Step, now: int) -> None:
        row, scope = self._rows.get(state.name), state.part.scope
        begun = now if row is None or row.started_at is None else row.started_at
        progress = state.progress = MapProgress(state.planned, items, begun, state.name, scope)
        if self._is_left_inside(state):
            self._go_on_inside(state, dict(enumerate(items)), step, now)
            return
        waits = recall_items(state, progress, self._rows, step, now) if self._rows else []
        if progress.left == 0:
            self._map_done(state, progress, step, now)
            return
        self._begun(state, step, now, progress.total)
        self._go(state, progress.take(), step.launches, now)
        for waiting in waits:
            self._wait_again(waiting, step, now)

    def _begin_loop(self, state: NodeState, first: Item, step: Step, now: int) -> None:
        loop, scope = state.planned.node.loop, state.part.scope
        assert loop is not None
        begun = self._begun(state, step, now, None)
        turns = state.turns = Turns(state.planned, loop, first, begun, state.name, scope)
        turns.recall(self._rows)
        if self._is_left_inside(state):
            turns.over()
            self._go_on_inside(state, {turns.turn: turns.given}, step, now)
        else:
            self._next_turn(state, turns, step, now)

    def _next_turn(self, state: NodeState, turns: Turns, step: Step, now: int) -> None:
        try:
            over = turns.over()
        # Seam to user code: comparisons of values may raise anything.
        except Exception as error:  # noqa: BLE001
            what = "its turns" if isinstance(error, LoopExhausted) else "until="
            self._loop_done(state, turns, self._described(state, error, what), step, now)
            return
        if over:
            self._loop_done(state, turns, None, step, now)
        elif state.planned.body is not None:
            self._open(state, turns.turn, turns.given, now)
        else:
            self._attempt(state, turns.launch(1), step, now)

    def _go(self, state: NodeState, items: list[Launch], into: list[Launch], now: int) -> None:
        """Begin items of a map: attempts, or all that is inside them."""
        if state.planned.body is None:
            into += items
            return
        for launch in items:
            assert launch.item is not None
            self._open(state, launch.item, launch.value, now)

    def _open(self, owner: NodeState, item: int, given: tuple[Any, ...], now: int) -> None:
        """Begin what is inside an item or turn."""
        part = self._parts.open(owner, item, given, now)
        self._take_in(part)
        if not part.nodes:
            self._over.append(part)

    # --- taking up a run that was interrupted ---------------------------------------------

    def _take_in(self, part: Part) -> None:
        """Let the nodes of a part be judged, those that had settled being known."""
        states = list(part.nodes.values())
        if self._rows:
            for state in states:
                self._recall(state)
        self._todo.extend(states)

    def _recall(self, state: NodeState) -> None:
        """Take over what the journal says of a node that had settled."""
        row = self._rows.get(state.name)
        how = how_settled(row)
        if row is None or not how:
            return
        if how == "succeeded":
            results, name = state.part.scope.results, state.planned.name
            results[name] = row.result
            if state.planned.node.mapped:
                results[name] = recalled_map(state, row, self._rows).result()
        self._settle(state, how, row.finished_at or 0, row.error)

    def _is_left_inside(self, state: NodeState) -> bool:
        """Whether the run is being cancelled, and only what has begun inside goes on."""
        return self._cancelled is not None and state.planned.body is not None

    def _go_on_inside(
        self, state: NodeState, given: Mapping[int, tuple[Any, ...]], step: Step, now: int
    ) -> None:
        for item in sorted(begun_inside(state, self._rows)):
            if f"{state.name}[{item}]" not in self._rows and item in given:
                self._open(state, item, given[item], now)
        if not self._parts.of(state) and self._cancelled is not None:
            self._cancel_node(state, self._cancelled, step, now)

    def _wait_again(self, row: TaskRow, step: Step, now: int) -> None:
        """Go on waiting for what a task has sent, unless it arrived meanwhile."""
        waiting = Undelivered.resumed(self.start, row)
        result = waiting.outcome()
        if result is None:
            self._undelivered[row.name] = waiting
        else:
            self._ended(result, step, now)


def _no_longer_running(state: NodeState, step: Step) -> None:
    """It may have begun in this very step: what rides must not come after its end."""
    step.rides = [row for row in step.rides if row.name != state.name]


def _outcome(part: Part, name: str) -> tuple[Encoded | None, ErrorInfo | None]:
    """What has become of an item or turn with a body."""
    if part.failed:
        return None, part.failures.first() or ErrorInfo("Unknown", f"{name} did not succeed")
    try:
        return body_result(part.plan, part.scope, name), None
    # Seam to user code: what it returns is put together of values with their own methods.
    except Exception as error:  # noqa: BLE001
        info = describe(error, part.scope.secrets.mask)
        text = f"what the body returns: {info.message}"
        return None, ErrorInfo(info.type, text, info.traceback)
