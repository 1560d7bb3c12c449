"""Carries out what the machines decide: launches attempts, posts changes, keeps due times.

Everything happens in callbacks on the service loop - a run to start, a batch of results, a
commit, a due time - so that no task per run or attempt is needed. The engine never waits for
a commit: what depends on one is launched by the commit's callback.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.abc import TaskStatus

from triphammer.config.clock import Clock
from triphammer.config.secrets import Secrets
from triphammer.flows.context import TaskContext
from triphammer.flows.engine.active import (
    ActiveRun,
    Answer,
    Running,
    advanced,
    rows_of,
    still_running,
)
from triphammer.flows.engine.advances import Advances
from triphammer.flows.engine.attempts import make_attempt
from triphammer.flows.engine.breakers import BreakerCount, Breakers, refused
from triphammer.flows.engine.caching import Caching, Find, Looked
from triphammer.flows.engine.lateness import Lateness
from triphammer.flows.engine.machine import RunMachine
from triphammer.flows.engine.pace import Pace
from triphammer.flows.engine.plan import Plans
from triphammer.flows.engine.pools import PoolCount, Pools
from triphammer.flows.engine.rows import CANCELLED, RUN_TIMEOUT
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.stopping import Abandoned, Stopping
from triphammer.flows.engine.values import Launch, Mark, RunEnd, RunLate, RunStart, Sent
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    Executor,
    Released,
)
from triphammer.flows.journal import Artifacts, Journal, Posted, RunChange, TaskRow, WaitAnswer
from triphammer.flows.timers import Timers
from triphammer.flows.workdir import RunFolder

SHOWN_AFTER = 50_000
"""Microseconds after which an attempt that still runs is journaled as running."""
SHOWN_TOGETHER = 25_000
"""Those looks are put off to a grid of so many microseconds: one wake-up serves many runs."""

__all__ = ["Engine", "RunEnd", "RunStart", "Sent"]


class Engine:
    """Runs graphs. `on_end` is called after a run's end is stored (or when the store says
    that it is no longer ours), `on_store_error` when a change could not be stored: its run is
    dropped from memory, and the daemon rebuilds everything from the store. `deliveries`:
    messages are delivered and `delivered` is told, so that `wait="delivered"` can wait.
    `zone` is the time zone of flows that name none.

    A run of which only waits are left is let go: `on_end` is told "waiting". Whoever learns of
    an answer tells `answered`, or starts the run again with it."""

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
        deliveries: bool = True,
        zone: str = "UTC",
        largest: int = sys.maxsize,
        find: Find | None = None,
        pools: Mapping[str, int] | None = None,
        on_late: Callable[[RunLate], None] | None = None,
        on_abandoned: Callable[[Abandoned, bool], None] = lambda _, __: None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._secrets = secrets
        self._artifacts = artifacts
        self._workdir = workdir
        self._random = random
        self._on_end = on_end
        self._on_store_error = on_store_error
        self._deliveries = deliveries
        self._zone = zone
        self._largest = largest
        self._executors: Mapping[str, Executor] = {}
        self._runs: dict[str, ActiveRun] = {}
        self._plans = Plans()
        self._timers = Timers(clock)
        self._lateness = Lateness(self._timers.at, self._still, self._overdue, on_late)
        self._advances = Advances(self._timers.at, clock.now, self._show_advances)
        self._caching = Caching(find, clock.now, artifacts, tell=self._looked)
        self._pace = Pace(journal.state, self._timers.at, clock.now, self._paced)
        self._pools = Pools(pools or {}, clock.now, self._still_wanted, self._given_slots)
        self._breakers = Breakers(
            journal.state, self._timers.at, clock.now, self._still_wanted, self._passed
        )
        self._stopping: Stopping[tuple[ActiveRun, Launch]] = Stopping(on_abandoned)
        self._ready: dict[str, list[Attempt]] = {}
        self._open_posts = 0
        self._draining = False
        self._quieter = anyio.Event()
        self._folders: deque[RunFolder] = deque()
        self._finished = anyio.Event()

    def use(self, executors: Mapping[str, Executor]) -> None:
        """Hand over the executors by name, and bind them to `report`."""
        self._executors = executors
        for executor in executors.values():
            executor.bind(self.report)

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return len(self._runs)

    def has(self, run: str) -> bool:
        """Whether a run is under way."""
        return run in self._runs

    def running(self) -> Sequence[tuple[str, str, int]]:
        """The attempts under way: run, task, since when (microseconds)."""
        return [
            (id, task, one.since)
            for id, run in self._runs.items()
            for task, one in run.running.items()
        ]

    def under_way(self, flow: str) -> Sequence[AttemptId]:
        """The attempts of a flow that are under way."""
        return [
            one.id
            for run in self._runs.values()
            if run.machine.start.flow.name == flow
            for one in run.running.values()
        ]

    def pools(self) -> Mapping[str, PoolCount]:
        """How each pool stands."""
        return self._pools.counts()

    def breakers(self) -> Mapping[str, BreakerCount]:
        """How each circuit breaker stands."""
        return self._breakers.counts()

    def snapshot(self, run: str) -> Sequence[TaskRow]:
        """The attempts of a run that are under way, those not journaled yet included."""
        active = self._runs.get(run)
        return [] if active is None else list(rows_of(active.running).values())

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Keep due times until cancelled."""
        async with anyio.create_task_group() as group:
            await group.start(self._timers.run, name="engine timers")
            await group.start(self._caching.run, name="engine cache")
            self._advances.listen()
            group.start_soon(self._tidy, name="engine folders")
            task_status.started()

    async def _tidy(self) -> None:
        """Remove the folders of runs that have succeeded, in a worker thread."""
        while True:
            await self._finished.wait()
            self._finished = anyio.Event()
            while self._folders:
                await anyio.to_thread.run_sync(self._folders.popleft().remove)

    def start(self, runs: Sequence[RunStart]) -> None:
        """Begin runs, or go on with those that bring journal rows."""
        now = self._clock.now()
        answers: list[Answer] = []
        for start in runs:
            active = self._runs[start.id] = self._new(start, now)
            answers.append(Answer(active))
            active.machine.begin(answers[-1].step, now)
        self._carry_out(answers, now)
        for answer in answers:
            start = answer.run.machine.start
            self._lateness.watch(start, start.started_at or now, now)
            if start.cancel and not answer.run.machine.ended:
                self._cut(answer.run, start.cancel, CANCELLED)
            self._rest(answer.run)

    def report(self, results: Sequence[AttemptResult | Released]) -> None:
        """Take results in (the executors' `Report`). Those fenced off are dropped."""
        now = self._clock.now()
        answers: dict[str, Answer] = {}
        again: list[tuple[ActiveRun, Launch]] = []
        for result in results:
            run = self._runs.get(result.id.run)
            flow = "" if run is None else run.machine.start.flow.name
            again += self._stopping.ended(result, flow, now)
            if isinstance(result, Released):
                self._pools.release(result.id)
                continue  # the executor itself keeps the retry waiting
            if not result.still_running:
                self._pools.release(result.id)
            breaks = self._breakers.ended(result)
            run = self._runs.get(result.id.run)
            if run is None or not run.is_current(result.id):
                continue
            run.paces.update(breaks)
            del run.running[result.id.task]
            # Cancelled by the stop of the daemon: the next start begins it again.
            if not (result.cancelled and self._draining):
                answer = answers.get(result.id.run)
                if answer is None:
                    answer = answers[result.id.run] = Answer(run)
                answer.take(result, now)
        for waiting in filter(self._still_wanted, again):
            self._begin(waiting[0], [waiting[1]], now)
        self._carry_out(answers.values(), now)
        self._quieter.set()

    @property
    def abandoned(self) -> Sequence[Abandoned]:
        """Attempts whose code goes on although they have ended."""
        return self._stopping.abandoned

    def delivered(self, run: str, task: str, message: str, error: str | None = None) -> None:
        """That a message of a task was delivered, or (`error`) never will be, is stored."""
        active = self._runs.get(run)
        if active is None or active.machine.ended:
            return
        answer, now = Answer(active), self._clock.now()
        active.machine.delivered(task, message, error, answer.step, now)
        self._carry_out([answer], now)

    def answered(self, run: str, answers: Mapping[str, WaitAnswer]) -> bool:
        """What ends waits of a run, by task, is stored; False when the engine has it not."""
        active = self._runs.get(run)
        if active is None:
            return False
        if not active.machine.ended:
            answer, now = Answer(active), self._clock.now()
            for task, given in answers.items():
                active.machine.answered(task, given, answer.step, now)
            self._carry_out([answer], now)
        return True

    def cancel(self, run: str, reason: str) -> bool:
        """End a run under way; False when the engine does not have it, or it is ending.

        Its teardowns are run first. A second call ends these too.
        """
        active = self._runs.get(run)
        if active is None or active.machine.ended:
            return False
        self._cut(active, reason, CANCELLED)
        return True

    def mark(self, run: str, task: str, mark: Mark) -> str | None:
        """Settle a task of a run under way as somebody says; why it cannot be, None where it is.

        Its attempt under way is stopped. Raises KeyError for a run that the engine does not have.
        """
        active = self._runs[run]
        if active.machine.ended:
            raise KeyError(run)
        answer, now = Answer(active), self._clock.now()
        one = active.running.get(task)
        row = None if one is None else one.row
        why_not = active.machine.mark(task, mark, row, answer.step, now)
        if why_not is None:
            self._stop_attempts(active, [task])
            self._carry_out([answer], now)
        return why_not

    def _cut(self, active: ActiveRun, reason: str, kind: str) -> None:
        now = self._clock.now()
        answer = Answer(active)
        rows = rows_of(active.running)
        stopped = active.machine.cancel(reason, rows, answer.step, now, kind)
        self._stop_attempts(active, stopped)
        self._carry_out([answer], now)

    def _still(self, run: str, epoch: int) -> ActiveRun | None:
        """A run that is under way and is not being ended already."""
        active = self._runs.get(run)
        if active is None or self._idle(active) or active.machine.is_cancelled:
            return None
        return active if active.machine.start.epoch == epoch else None

    def _overdue(self, active: ActiveRun, reason: str) -> None:
        self._cut(active, reason, RUN_TIMEOUT)

    async def drain(self, grace: float) -> Sequence[tuple[str, str, int]]:
        """Begin no attempt any more; wait up to `grace` seconds for those under way.

        Those that are left: their runs are taken up again by the next start of the daemon.
        """
        self._draining = True
        with anyio.move_on_after(grace):
            await self.wait_quiet()
        return self.running()

    @property
    def _busy(self) -> bool:
        running = any(run.running for run in self._runs.values())
        return running or bool(self._open_posts or self._caching.looking)

    async def wait_quiet(self) -> None:
        """Return once no attempt is under way and nothing is being stored: only due times, and
        what comes from outside, can make anything go on."""
        await anyio.lowlevel.checkpoint()
        while self._busy:
            if self._quieter.is_set():
                self._quieter = anyio.Event()
            await self._quieter.wait()

    # --- carrying out -----------------------------------------------------------------------

    def _new(self, start: RunStart, now: int) -> ActiveRun:
        plan = self._plans.of(start.flow)
        scope = RunScope(
            plan,
            event=start.event,
            params=start.params,
            artifacts=self._artifacts,
            secrets=self._secrets,
        )
        resumed = bool(start.tasks)
        used = resumed and (self._workdir / start.id).exists()
        folder = RunFolder(self._workdir, start.id, used=used)
        machine = RunMachine(
            start, plan, scope, self._random, awaits=self._deliveries, zone=self._zone
        )
        known = start.state if start.state in ("running", "waiting") else ""
        told = known or ("running" if start.started_at is not None else "")
        return ActiveRun(machine, folder, now, told=told)

    def _carry_out(self, answers: Iterable[Answer], now: int) -> None:
        waiting: list[Answer] = []
        for answer in answers:
            run, step = answer.run, answer.step
            run.machine.close(step, now)
            for due, launch in step.later:
                self._timers.at(due, partial(self._due, run, launch))
            if not step.rows:  # nothing that they depend on is yet to be stored
                step.now, step.launches = step.now + step.launches, []
            if step.now:
                self._launch(run, step.now, now)
            if not answer.empty:
                waiting.append(answer)
        if waiting:
            changes = [self._change(answer, now) for answer in waiting]
            self._open_posts += 1
            self._journal.post(changes, partial(self._committed, waiting))
        self._hand_over()

    def _change(self, answer: Answer, now: int) -> RunChange:
        answer.run.posts += 1
        return answer.change(now)

    def _rest(self, run: ActiveRun) -> None:
        """Let go of a run if only waits are left of it."""
        if not run.gone and run.rests:
            start = run.machine.start
            run.gone = True
            del self._runs[start.id]
            self._on_end(RunEnd(start.id, start.flow.name, "waiting"))

    def _committed(self, answers: Sequence[Answer], posted: Sequence[Posted]) -> None:
        self._open_posts -= 1
        now = self._clock.now()
        for answer, item in zip(answers, posted, strict=True):
            run, ending = answer.run, answer.step.ending
            run.posts -= 1
            if run.gone:
                continue
            if item.error is not None:
                self._drop(run)
                self._on_store_error(item.error)
            elif item.stale:
                self._drop(run)
                start = run.machine.start
                self._on_end(RunEnd(start.id, start.flow.name, "stale"))
            elif ending is not None:
                self._end(run, ending.state)
            elif answer.step.launches:
                self._launch(run, answer.step.launches, now)
            else:
                self._rest(run)
        self._hand_over()
        self._quieter.set()

    def _drop(self, run: ActiveRun) -> None:
        """Forget a run that is no longer ours or whose rows are not known for sure."""
        self._stop_attempts(run, list(run.running))
        run.gone = True
        self._runs.pop(run.machine.start.id, None)

    def _stop_attempts(self, run: ActiveRun, names: Sequence[str]) -> None:
        self._hand_over()  # an executor cannot cancel what it does not have yet
        for name in names:
            one = run.running.pop(name, None)
            if one is not None:  # else its task waits for a delivery
                self._stopping.stop(one.id, run.machine.start.flow.name)
                self._executors[one.executor].cancel(one.id)

    def _end(self, run: ActiveRun, state: str) -> None:
        start = run.machine.start
        run.gone = True
        self._runs.pop(start.id, None)
        if state == "succeeded" and run.folder.used:
            # Not here: a callback of the loop is no task and cannot start one.
            self._folders.append(run.folder)
            self._finished.set()
        self._on_end(RunEnd(start.id, start.flow.name, state))

    # --- launching --------------------------------------------------------------------------

    def _idle(self, run: ActiveRun) -> bool:
        """Whether nothing of this run begins any more."""
        return self._draining or run.gone or run.machine.ended

    def _due(self, run: ActiveRun, launch: Launch) -> None:
        if self._idle(run):
            return
        answer, now = Answer(run), self._clock.now()
        run.machine.due(launch, answer.step)
        self._carry_out([answer], now)

    def _launch(self, run: ActiveRun, launches: Sequence[Launch], now: int) -> None:
        if self._idle(run):
            return
        wanted = self._caching.divert(run, list(run.machine.wanted(launches)))
        passed = [one for one in wanted if self._enters(run, one)]
        ready = [launch for launch in passed if not self._queues(run, launch)]
        if ready:
            self._begin(run, ready, now)

    def _enters(self, run: ActiveRun, launch: Launch) -> bool:
        """Whether the breaker of a launch, if it has one, lets it go now."""
        node = launch.node.node
        if node.options.breaker is None:
            return True
        flow, id = run.machine.start.flow.name, run.id_of(launch)
        verdict = self._breakers.enter(flow, node, id, (run, launch))
        if verdict == "fail":  # not here: who launches is in the middle of a step
            self._timers.at(self._clock.now(), partial(self._refused, run, launch))
        return verdict == "go"

    def _passed(self, waiting: tuple[ActiveRun, Launch]) -> None:
        """The breaker that held a launch back lets it go."""
        run, launch = waiting
        if not self._queues(run, launch):
            self._begin(run, [launch], self._clock.now())
            self._hand_over()

    def _refused(self, run: ActiveRun, launch: Launch) -> None:
        """The breaker of a launch is open, and it is not to wait."""
        if self._idle(run) or not run.machine.wants(launch):
            return
        answer, now = Answer(run), self._clock.now()
        answer.take(refused(run.id_of(launch), launch.node.node, now), now)
        self._carry_out([answer], now)

    def _queues(self, run: ActiveRun, launch: Launch) -> bool:
        """Whether a launch waits for its turn or its slots; it begins by itself then."""
        options = launch.node.node.options
        if options.rate is not None:
            flow = run.machine.start.flow.name
            self._pace.wait(flow, launch.node.node, options.rate, (run, launch))
        elif options.pool is not None:
            self._pools.wait(run.id_of(launch), options, (run, launch))
        return options.rate is not None or options.pool is not None

    def _still_wanted(self, waiting: tuple[ActiveRun, Launch]) -> bool:
        run, launch = waiting
        return not self._idle(run) and run.machine.wants(launch)

    def _given_slots(self, waiting: tuple[ActiveRun, Launch]) -> None:
        """The slots that a launch waited for are its own."""
        run, launch = waiting
        self._begin(run, [launch], self._clock.now())
        self._hand_over()

    def _paced(self, waiting: tuple[ActiveRun, Launch]) -> bool:
        """It is the turn of a launch with a rate; False if it is not wanted any more."""
        run, launch = waiting
        if self._idle(run) or not run.machine.wants(launch):
            return False
        now = self._clock.now()
        run.paces.update(self._pace.writes(run.machine.start.flow.name, launch.node.node))
        options = launch.node.node.options
        if options.pool is not None:
            self._pools.wait(run.id_of(launch), options, waiting)
            return True
        self._begin(run, [launch], now)
        self._hand_over()
        return True

    def _begin(self, run: ActiveRun, launches: Sequence[Launch], now: int) -> None:
        id, holds = run.machine.start.id, self._stopping.holds
        launches = [one for one in launches if not holds(id, one.name, (run, one))]
        once = [launch for launch in launches if launch.node.node.options.at_most_once]
        if not once:
            self._make_ready(run, launches, now)
            return
        others = [launch for launch in launches if not launch.node.node.options.at_most_once]
        self._make_ready(run, others, now)
        # That it begins is stored before it does: then it never begins twice.
        answer = Answer(run)
        answer.step.rows += [
            TaskRow(name=one.name, state="running", attempt=one.attempt, started_at=now)
            for one in once
        ]
        self._open_posts += 1
        self._journal.post([self._change(answer, now)], partial(self._announced, answer, once))

    def _announced(self, answer: Answer, once: Sequence[Launch], posted: Sequence[Posted]) -> None:
        self._committed([answer], posted)
        if not self._idle(answer.run):
            wanted = list(filter(answer.run.machine.wants, once))
            self._make_ready(answer.run, wanted, self._clock.now())
            self._hand_over()
        for launch in once:
            if launch.name not in answer.run.running:
                self._pools.release(answer.run.id_of(launch))

    def _make_ready(self, run: ActiveRun, launches: Sequence[Launch], now: int) -> None:
        begun: list[Running] = []
        start, scope = run.machine.start, run.machine.scope
        for launch in launches:
            attempt = make_attempt(
                start,
                launch,
                launch.scope or scope,
                state=self._journal.state,
                folder=run.folder,
                earlier=run.machine.earlier(launch.name),
                largest=self._largest,
            )
            attempt.context.notice = self._advances.note
            where = launch.node.executor
            self._ready.setdefault(where, []).append(attempt)
            one = run.running[launch.name] = Running(attempt.id, where, now, attempt.context)
            begun.append(one)
            if launch.node.node.options.breaker is not None:
                self._breakers.begun(start.flow.name, launch.node.node, attempt.id)
        if begun:
            due = now + SHOWN_AFTER + SHOWN_TOGETHER
            self._timers.at(due - due % SHOWN_TOGETHER, partial(self._show_running, run, begun))

    def _hand_over(self) -> None:
        """Submit what was made ready, all of a batch at once."""
        ready, self._ready = self._ready, {}
        for where, attempts in ready.items():
            self._executors[where].submit(attempts)

    def _show_running(self, run: ActiveRun, begun: Sequence[Running]) -> None:
        self._carry_out(still_running(run, begun), self._clock.now())

    def _show_advances(self, contexts: Sequence[TaskContext]) -> None:
        self._carry_out(advanced(self._runs, contexts), self._clock.now())

    def _looked(self, looked: Looked) -> None:
        """What was looked for is found, or must run."""
        run, now = looked.run, self._clock.now()
        if not self._idle(run):
            self._carry_out([looked.answer(now)], now)
            self._launch(run, looked.misses, now)
        self._hand_over()
        self._quieter.set()
