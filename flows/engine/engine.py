"""Carries out what the machines decide: launches attempts, posts changes, keeps due times.

Everything happens in callbacks on the service loop - a run to start, a batch of results, a
commit, a due time - so that no task per run or attempt is needed. The engine never waits for
a commit: what depends on one is launched by the commit's callback.
"""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.flows.engine.attempts import executor_of, make_attempt
from triphammer.flows.engine.machine import RunMachine, behind_of, hints_of
from triphammer.flows.engine.pace import Pace
from triphammer.flows.engine.run_scope import RunScope, Stored
from triphammer.flows.engine.values import Launch, RunEnd, RunStart, Step
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    Executor,
    Released,
)
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Artifacts, Journal, OutMessage, Posted, RunChange, TaskRow

SHOWN_AFTER = 50_000
"""Microseconds after which an attempt that still runs is journaled as running."""

__all__ = ["Engine", "RunEnd", "RunStart"]


class _Plan(msgspec.Struct, frozen=True):
    """What all runs of one flow version share."""

    flow: FlowDef
    behind: Mapping[str, tuple[str, ...]]
    hints: Mapping[str, Any]


class _Active:
    """A run in memory."""

    __slots__ = ("machine", "posted_running", "running", "started_at")

    def __init__(self, machine: RunMachine, started_at: int) -> None:
        self.machine = machine
        self.started_at = started_at
        self.posted_running = False
        self.running: dict[AttemptId, tuple[str, int]] = {}


class Engine:
    """Runs graphs. `on_end` is called after a run's end is stored, `on_store_error` when a
    change could not be: the daemon then rebuilds everything from the store."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        secrets: Secrets,
        artifacts: Artifacts,
        workdir: Path,
        random: Random,
        on_end: Callable[[RunEnd], None],
        on_store_error: Callable[[Exception], None],
    ) -> None:
        self._journal = journal
        self._executors: Mapping[str, Executor] = {}
        self._clock = clock
        self._secrets = secrets
        self._artifacts = artifacts
        self._workdir = workdir
        self._random = random
        self._on_end = on_end
        self._on_store_error = on_store_error
        self._runs: dict[str, _Active] = {}
        self._plans: dict[
            tuple[str, str], tuple[FlowDef, dict[str, tuple[str, ...]], dict[str, object]]
        ] = {}
        self._pace = Pace()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._wait_scope: anyio.CancelScope | None = None
        self._idle = anyio.Event()
        self._open_posts = 0
        self._draining = False

    def use(self, executors: Mapping[str, Executor]) -> None:
        """Hand over the executors by name, and bind them to `report`."""
        self._executors = executors
        for executor in executors.values():
            executor.bind(self.report)

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return len(self._runs)

    def running(self) -> Sequence[tuple[str, str, int]]:
        """The attempts under way: run, task, since when (microseconds)."""
        return [
            (id.run, id.task, since)
            for active in self._runs.values()
            for id, (_, since) in active.running.items()
        ]

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Keep due times until cancelled."""
        task_status.started()
        while True:
            # An earlier due time that is added meanwhile ends the wait; see `_at`.
            with anyio.CancelScope() as self._wait_scope:
                if self._due:
                    await self._clock.wait_until(self._due[0][0])
                else:
                    await anyio.sleep_forever()
            self._wait_scope = None
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()

    def start(self, runs: Sequence[RunStart]) -> None:
        """Begin runs, or go on with those that bring journal rows."""
        now = self._clock.now()
        for start in runs:
            active = _Active(self._machine(start), now)
            self._runs[start.id] = active
            active.posted_running = any(row.attempt for row in start.tasks)
            self._carry_out(active, active.machine.begin(now), now)

    def report(self, results: Sequence[AttemptResult | Released]) -> None:
        """Take results in (the executors' `Report`). Those fenced off are dropped."""
        now = self._clock.now()
        touched: dict[str, tuple[_Active, Step, list[AttemptResult]]] = {}
        for result in results:
            active = self._runs.get(result.id.run)
            if active is None or active.running.pop(result.id, None) is None:
                continue  # its run has ended or was taken over: the fence
            if active.machine.ended or isinstance(result, Released):
                continue
            entry = touched.setdefault(result.id.run, (active, Step.empty(), []))
            _join(entry[1], active.machine.finished(result, now))
            entry[2].append(result)
        changes: list[tuple[_Active, Step, RunChange | None]] = []
        for active, step, came in touched.values():
            changes.append((active, step, self._change(active, step, now, came)))
        self._post(changes, now)

    def cancel(self, run: str, reason: str) -> bool:
        """End a run under way; False when the engine does not have it."""
        active = self._runs.get(run)
        if active is None or active.machine.ended:
            return False
        now = self._clock.now()
        running = {id.task: id.attempt for id in active.running}
        step = active.machine.cancel(reason, now, running)
        for id, (executor, _) in list(active.running.items()):
            self._executors[executor].cancel(id)
        active.running.clear()
        self._carry_out(active, step, now)
        return True

    async def drain(self, grace: float) -> Sequence[tuple[str, str, int]]:
        """Begin no attempt any more; wait up to `grace` seconds for those under way.

        Those that are left: they are begun again by the next start of the daemon.
        """
        self._draining = True
        with anyio.move_on_after(grace):
            while self.running() or self._open_posts:
                self._idle = anyio.Event()
                await self._idle.wait()
        return self.running()

    # --- carrying out -----------------------------------------------------------------------

    def _machine(self, start: RunStart) -> RunMachine:
        key = (start.flow.name, start.flow.version)
        plan = self._plans.get(key)
        if plan is None or plan.flow is not start.flow:
            graph = start.flow.graph
            plan = self._plans[key] = _Plan(start.flow, behind_of(graph), hints_of(graph))
        results: dict[str, Stored] = {}
        scope = RunScope(
            event=start.event,
            params=start.params,
            results=results,
            hints=plan.hints,
            artifacts=self._artifacts,
            secrets=self._secrets,
        )
        return RunMachine(start, plan.behind, scope, results, self._artifacts, self._random)

    def _carry_out(self, active: _Active, step: Step, now: int) -> None:
        self._post([(active, step, self._change(active, step, now, ()))], now)

    def _change(
        self, active: _Active, step: Step, now: int, came: Iterable[AttemptResult]
    ) -> RunChange | None:
        """What of a step must be stored; None when there is nothing."""
        if not step.rows and step.ended is None:
            return None
        start = active.machine.start
        change = step.ended or RunChange(
            run=start.id, flow=start.flow.name, epoch=start.epoch, state="running"
        )
        active.posted_running = True
        good = [result for result in came if result.error is None]
        return msgspec.structs.replace(
            change,
            started_at=active.started_at,
            tasks=tuple(step.rows),
            failed_attempts=tuple(step.failed_attempts),
            outbox=tuple(_of(m, result) for result in good for m in result.outbox),
            starts=tuple(s for result in good for s in result.starts),
            state_writes={k: v for result in good for k, v in result.state_writes.items()},
        )

    def _post(self, decided: Sequence[tuple[_Active, Step, RunChange | None]], now: int) -> None:
        waiting = [(a, s, c) for a, s, c in decided if c is not None]
        for active, step, change in decided:
            if change is None:
                self._launch(active, step)
        if waiting:
            self._open_posts += 1
            steps = {c.run: (a, s) for a, s, c in waiting}
            self._journal.post([c for _, _, c in waiting], partial(self._committed, steps))

    def _committed(
        self, steps: Mapping[str, tuple[_Active, Step]], posted: Sequence[Posted]
    ) -> None:
        self._open_posts -= 1
        for item in posted:
            active, step = steps[item.change.run]
            if item.error is not None:
                self._on_store_error(item.error)
            elif item.stale:
                self._drop(active)
            elif step.ended is not None:
                self._finish(active, step.ended)
            else:
                self._launch(active, step)
        self._idle.set()

    def _drop(self, active: _Active) -> None:
        """The store has fenced this run off: somebody else has it, or it was ended."""
        start = active.machine.start
        for id, (executor, _) in active.running.items():
            self._executors[executor].cancel(id)
        if self._runs.pop(start.id, None) is not None:
            self._on_end(RunEnd(start.id, start.flow.name, "stale"))

    def _finish(self, active: _Active, change: RunChange) -> None:
        self._runs.pop(change.run, None)
        assert change.state is not None
        if change.state == "succeeded":
            folder = self._workdir / change.run
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)
        self._on_end(RunEnd(change.run, change.flow, change.state))

    def _launch(self, active: _Active, step: Step) -> None:
        for launch in step.retries:
            self._at(launch.due, partial(self._begin, active, [launch]))
        if step.launches:
            self._begin(active, step.launches)

    def _begin(self, active: _Active, launches: Sequence[Launch]) -> None:
        run = active.machine.start.id
        if self._draining or self._runs.get(run) is not active or active.machine.ended:
            return
        now = self._clock.now()
        ready: list[Launch] = []
        for launch in launches:
            due = max(launch.due, self._pace.due(active.machine.start.flow.name, launch.node, now))
            if due > now:
                self._at(due, partial(self._begin_paced, active, launch))
            else:
                ready.append(launch)
        once = [item for item in ready if item.node.options.at_most_once]
        if once:
            self._announce_once(active, once, now)
        self._submit(active, [item for item in ready if not item.node.options.at_most_once], now)

    def _begin_paced(self, active: _Active, launch: Launch) -> None:
        """A launch whose turn was given before: it is not paced a second time."""
        if self._draining or self._runs.get(active.machine.start.id) is not active:
            return
        self._submit(active, [launch], self._clock.now())

    def _submit(self, active: _Active, launches: Sequence[Launch], now: int) -> None:
        start = active.machine.start
        if not launches:
            return
        state = self._journal.state(start.flow.name)
        by_executor: dict[str, list[Attempt]] = {}
        ids: list[AttemptId] = []
        for launch in launches:
            attempt = make_attempt(
                start,
                launch,
                active.machine.scope,
                state=state,
                artifacts=self._artifacts,
                secrets=self._secrets,
                workdir=self._workdir,
                now=now,
            )
            where = executor_of(launch.node)
            by_executor.setdefault(where, []).append(attempt)
            active.running[attempt.id] = (where, now)
            ids.append(attempt.id)
        self._at(now + SHOWN_AFTER, partial(self._show_running, active, ids))
        for where, attempts in by_executor.items():
            self._executors[where].submit(attempts)

    def _announce_once(self, active: _Active, launches: Sequence[Launch], now: int) -> None:
        """Commit that attempts begin before they do: they must never begin twice."""
        step = Step.empty()
        step.rows = [
            TaskRow(name=item.name, state="running", attempt=item.attempt, started_at=now)
            for item in launches
        ]
        change = self._change(active, step, now, ())
        assert change is not None

        def done(posted: Sequence[Posted]) -> None:
            self._open_posts -= 1
            self._idle.set()
            if posted[0].error is not None:
                self._on_store_error(posted[0].error)
            elif posted[0].stale:
                self._drop(active)
            else:
                self._submit(active, launches, self._clock.now())

        self._open_posts += 1
        self._journal.post([change], done)

    def _show_running(self, active: _Active, ids: Sequence[AttemptId]) -> None:
        """Journal the attempts that still run; nobody waits for it."""
        rows = [
            TaskRow(name=id.task, state="running", attempt=id.attempt, started_at=since)
            for id in ids
            if (known := active.running.get(id)) is not None
            for since in (known[1],)
        ]
        if not rows or active.machine.ended:
            return
        step = Step.empty()
        step.rows = rows
        now = self._clock.now()
        self._post([(active, step, self._change(active, step, now, ()))], now)

    def _at(self, due: int, action: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._due, (due, self._order, action))
        if self._due[0][1] == self._order and self._wait_scope is not None:
            self._wait_scope.cancel()


def _join(into: Step, step: Step) -> None:
    into.rows += step.rows
    into.launches += step.launches
    into.retries += step.retries
    into.failed_attempts += step.failed_attempts
    into.ended = step.ended or into.ended


def _of(message: OutMessage, result: AttemptResult) -> OutMessage:
    return msgspec.structs.replace(message, task=result.id.task)
