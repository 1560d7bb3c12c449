"""Tasks and runs that count as an operator says: as succeeded, failed or skipped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import anyio.to_thread
import msgspec

from triphammer.config.clock import Clock
from triphammer.flows.engine.anew import Anew
from triphammer.flows.engine.engine import Engine
from triphammer.flows.engine.marks import MARKED, mark_of
from triphammer.flows.engine.values import Mark
from triphammer.flows.engine.waits import MARKED as MARKED_WAIT
from triphammer.flows.engine.way import Step, numbers_in
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Artifacts, ErrorInfo, TaskRow, WaitAnswer
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.dispatcher.starter import Starter
from triphammer.service.errors import StateForbids, UnknownRun, VersionGone
from triphammer.service.hub import Hub, News
from triphammer.service.library import Library
from triphammer.service.store.contract import ENDED, RunRow, Store
from triphammer.service.store.operator_units import (
    Annotate,
    MarkRun,
    MarkTask,
    Operation,
    OperatorUnit,
)
from triphammer.service.store.waits import AnswerWait

TaskMark = Literal["succeeded", "failed", "skipped"]
RunMark = Literal["succeeded", "failed"]
CHANGED = "was changed by somebody else just now: look at it, and say again"


class Marking:
    """Marks tasks and runs. Nothing begins by it: what stands behind a task of a run that has
    ended runs when the run is retried."""

    def __init__(
        self,
        *,
        store: Store,
        library: Library,
        starter: Starter,
        engine: Engine,
        artifacts: Artifacts,
        clock: Clock,
        hub: Hub,
    ) -> None:
        self._store = store
        self._library = library
        self._starter = starter
        self._engine = engine
        self._artifacts = artifacts
        self._clock = clock
        self._hub = hub

    async def task(
        self,
        run: str,
        task: str,
        state: TaskMark,
        asked: Asked,
        *,
        result: Any = None,
        reason: str = "",
    ) -> None:
        """Let `task` count as `state`, with `result` as JSON if it succeeded: of a run under way at
        once, and its attempt under way is stopped; of one that has ended for its next retry.

        Raises `UnknownRun`, `UnknownTask`, `ValueMisfit` for a result that the task could not
        return, and `StateForbids` where it cannot be.
        """
        row = await self._row(run)
        if await self._was_done(run, asked):
            return
        flow = await self._flow(row)
        rows = {one.name: one for one in await self._store.tasks(run)}
        way = Anew(flow.graph, rows).way(task)
        if _node(way) not in {node.name for node in flow.graph.every()}:
            raise StateForbids(f"{task} is a group: mark its tasks")
        if row.state in ENDED:
            _check_shape(flow, way, task, state)
        why = f"marked {state} by {asked.by}{f': {reason}' if reason else ''}"
        make = partial(mark_of, flow, _node(way), task, state, result, why, self._artifacts)
        mark = await anyio.to_thread.run_sync(make)
        operation = self._operation(run, asked, f"{task} {state}", reason)
        if row.state in ENDED:
            unit = self._unit(row, rows.get(task), task, mark, operation)
            await self._commit(row, unit)
        else:
            await self._mark_open(row, task, mark, operation)
        self._hub.publish([News("task", run, row.flow, f"{task} {state}")])

    async def run(self, run: str, state: RunMark, asked: Asked, *, reason: str = "") -> None:
        """Let a run that has ended count as `state`. One that has failed is no dead letter any
        more when it counts as succeeded; those behind it go on. Raises as `task`."""
        row = await self._row(run)
        if await self._was_done(run, asked):
            return
        if row.state not in ENDED:
            raise StateForbids(f"run {run} is {row.state}: cancel it first, or mark its tasks")
        if row.settled == "redriven":
            raise StateForbids(f"run {run} was redriven: mark the run in its place")
        why = f"marked failed by {asked.by}{f': {reason}' if reason else ''}"
        error = ErrorInfo(MARKED, why) if state == "failed" else None
        operation = self._operation(run, asked, f"run {state}", reason)
        unit = MarkRun(operation=operation, epoch=row.epoch, state=state, error=error)
        if not await self._commit(row, unit):
            return
        self._starter.skipped(row)
        self._hub.publish([News("run", run, row.flow, state)])

    async def _row(self, run: str) -> RunRow:
        row = await self._store.run(run)
        if row is None:
            raise UnknownRun(run)
        return row

    async def _was_done(self, run: str, asked: Asked) -> bool:
        if asked.key is None:
            return False
        return any(done.key == asked.key for done in await self._store.operations(run))

    async def _flow(self, row: RunRow) -> FlowDef:
        try:
            return await self._library.version(row.flow, row.version)
        except VersionGone as error:
            raise StateForbids(f"the tasks of run {row.id} are not known: {error}") from error

    def _operation(self, run: str, asked: Asked, detail: str, reason: str) -> Operation:
        told = f"{detail}: {reason}" if reason else detail
        at = self._clock.now()
        return Operation(run=run, at=at, by=asked.by, what="mark", detail=told, key=asked.key)

    def _unit(
        self, row: RunRow, known: TaskRow | None, task: str, mark: Mark, operation: Operation
    ) -> MarkTask:
        now = self._clock.now()
        known = known or TaskRow(name=task, state="pending")
        marked = msgspec.structs.replace(
            known,
            state=mark.state,
            started_at=now if known.started_at is None else known.started_at,
            finished_at=now,
            due_at=None,
            result=mark.value,
            error=mark.why,
        )
        around = [name for node, item, _ in numbers_in(task) for name in (node, item)]
        anew = tuple(name for name in around if name != task)
        return MarkTask(operation=operation, epoch=row.epoch, row=marked, anew=anew)

    async def _mark_open(self, row: RunRow, task: str, mark: Mark, operation: Operation) -> None:
        """Of a run that has not ended. What waits is told so by an answer: perhaps only its rows
        are there."""
        waits = [one for one in await self._store.waits(row.id) if one.wait.task == task]
        if not waits:
            self._mark_now(row, task, mark)
            await self._commit(row, Annotate(operation=operation))
            return
        why = "" if mark.why is None else mark.why.message
        answer = WaitAnswer(how=MARKED_WAIT + mark.state, value=mark.value, by=why)
        (wait,) = waits
        unit = AnswerWait(
            run=row.id, task=task, kind=wait.wait.kind, answer=answer, operation=operation
        )
        await self._commit(row, unit)

    def _mark_now(self, row: RunRow, task: str, mark: Mark) -> None:
        try:
            why_not = self._engine.mark(row.id, task, mark)
        except KeyError:
            why_not = (
                "only waits, and of it nothing is under way"
                if row.state == "waiting"
                else (f"is {row.state}, and has not begun")
            )
            raise StateForbids(f"run {row.id} {why_not}") from None
        if why_not is not None:
            raise StateForbids(f"{task} {why_not}")

    async def _commit(self, row: RunRow, unit: OperatorUnit | AnswerWait) -> bool:
        """Whether this has done it: with the same key somebody else may have, just now."""
        (outcome,) = await self._store.commit([unit])
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not True and not await self._was_done(
            row.id, Asked(by="", key=None if unit.operation is None else unit.operation.key)
        ):
            raise StateForbids(f"run {row.id} {CHANGED}")
        return outcome is True


def _node(way: Sequence[Step]) -> str:
    """The node as it is drawn."""
    return "[]/".join(step.short for step in way)


def _check_shape(flow: FlowDef, way: Sequence[Step], task: str, state: str) -> None:
    """What is made of others counts as they do."""
    node = {one.name: one for one in flow.graph.every()}[_node(way)]
    if way[-1].number is not None:
        if node.body is not None:
            raise StateForbids(f"{task} is made of tasks: mark those inside it")
    elif state == "succeeded" and (node.mapped or node.loop is not None):
        raise StateForbids(f"{task} is made of items or turns: mark those")
