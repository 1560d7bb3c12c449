"""Answers of people to what runs ask them: stored first, then the run goes on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec

from triphammer.config.clock import Clock
from triphammer.flows.engine.anew import Anew
from triphammer.flows.forms import form_values
from triphammer.flows.journal import Encoded, WaitAnswer
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.errors import StateForbids, UnknownRun, VersionGone
from triphammer.service.library import Library
from triphammer.service.store.contract import ENDED, RunRow, Store
from triphammer.service.store.operator_units import Operation
from triphammer.service.store.waits import AnswerWait, WaitRow

APPROVE = "approve"


class Approvals:
    """Takes answers, each approval's first one only."""

    def __init__(self, *, store: Store, library: Library, clock: Clock) -> None:
        self._store = store
        self._library = library
        self._clock = clock

    async def answer(
        self,
        run: str,
        task: str | None,
        asked: Asked,
        *,
        approved: bool,
        form: Mapping[str, Any] | None = None,
        reason: str = "",
    ) -> str:
        """Approve or reject what `task` asks for (None: the one task that does); its name.

        A form must be filled in to approve, and may be to reject. Returns once that is stored.
        Raises `UnknownRun`, `UnknownTask`, `FormMisfit`, and `StateForbids` where nothing is
        asked (any more).
        """
        row = await self._store.run(run)
        if row is None:
            raise UnknownRun(run)
        if await self._was_done(run, asked):
            return task or ""
        wait = await self._asked_for(row, task)
        values = await self._values(row, wait, form, approved=approved)
        body = {"by": asked.by, "form": values, **({"reason": reason} if reason else {})}
        answer = WaitAnswer(
            how="approved" if approved else "rejected",
            value=Encoded("json", msgspec.json.encode(body)),
            by=f"{asked.by}: {reason}" if reason else asked.by,
        )
        operation = Operation(
            run=run,
            at=self._clock.now(),
            by=asked.by,
            what=APPROVE if approved else "reject",
            detail=f"{wait.wait.task}: {reason}" if reason else wait.wait.task,
            key=asked.key,
        )
        unit = AnswerWait(
            run=run, task=wait.wait.task, kind=APPROVE, answer=answer, operation=operation
        )
        (outcome,) = await self._store.commit([unit])
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not True and not await self._was_done(run, asked):
            raise StateForbids(f"{wait.wait.task} of run {run} was answered just now")
        return wait.wait.task

    async def _was_done(self, run: str, asked: Asked) -> bool:
        if asked.key is None:
            return False
        return any(done.key == asked.key for done in await self._store.operations(run))

    async def _asked_for(self, row: RunRow, task: str | None) -> WaitRow:
        waits = [w for w in await self._store.waits(row.id) if w.wait.kind == APPROVE]
        open_waits = [one for one in waits if not one.answered]
        if task is None:
            return _only(row, open_waits)
        for one in open_waits:
            if one.wait.task == task:
                return one
        if any(one.wait.task == task for one in waits):
            raise StateForbids(f"{task} of run {row.id} has been answered")
        raise StateForbids(await self._why_not(row, task))

    async def _why_not(self, row: RunRow, task: str) -> str:
        rows = {one.name: one for one in await self._store.tasks(row.id)}
        try:
            flow = await self._library.version(row.flow, row.version)
        except VersionGone:
            pass
        else:
            Anew(flow.graph, rows).way(task)  # raises `UnknownTask`
        known = rows.get(task)
        if row.state in ENDED:
            return f"run {row.id} has ended: it is {row.state}"
        state = "has not begun" if known is None else f"is {known.state}"
        return f"{task} of run {row.id} waits for no answer: it {state}"

    async def _values(
        self, row: RunRow, wait: WaitRow, form: Mapping[str, Any] | None, *, approved: bool
    ) -> Any:
        if wait.wait.form is None:
            if form:
                raise StateForbids(f"{wait.wait.task} of run {row.id} takes no form")
            return None
        if form is None and not approved:
            return None
        try:
            flow = await self._library.version(row.flow, row.version)
        except VersionGone as error:
            raise StateForbids(f"the form of {wait.wait.task} is not known: {error}") from error
        name = re.sub(r"\[\d+\]", "[]", wait.wait.task)
        (kind,) = [n.kwargs["form"] for n in flow.graph.every() if n.name == name]
        return await anyio.to_thread.run_sync(partial(form_values, kind, form or {}))


def _only(row: RunRow, waits: Sequence[WaitRow]) -> WaitRow:
    if len(waits) == 1:
        return waits[0]
    if waits:
        names = ", ".join(one.wait.task for one in waits)
        raise StateForbids(f"several tasks of run {row.id} wait for an answer, name one: {names}")
    raise StateForbids(f"no task of run {row.id} waits for an answer: it is {row.state}")
