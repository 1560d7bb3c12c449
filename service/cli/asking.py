"""What a run waits for while it is run here: answers are given by flags or at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec
import typer

from triphammer.flows.errors import FormMisfit
from triphammer.service.cli.display import Silent
from triphammer.service.cli.output import json_line
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.errors import StateForbids
from triphammer.service.local import Local
from triphammer.service.store.waits import WaitRow
from triphammer.service.web.forms import read_form

HERE = Asked(by="triphammer run")
NOBODY = "nobody can answer here: give --approve or --reject, or run it at a terminal"


class Answers(msgspec.Struct, frozen=True):
    """How questions are answered: all alike, with the same texts in their forms; None: by who
    sits at the terminal."""

    approved: bool | None = None
    form: Mapping[str, str] = {}


class Questions:
    """Answers what a run asks for, each question once, and tells what else it waits for."""

    def __init__(self, local: Local, run: str, answers: Answers, display: Silent) -> None:
        self._local = local
        self._display = display
        self._run = run
        self._answers = answers
        self._known: set[str] = set()

    async def answer(self) -> None:
        """Answer until cancelled."""
        with self._local.core.hub.listen() as listener:
            while True:
                for row in await self._local.store.waits(self._run):
                    if row.wait.task and not row.answered and row.wait.task not in self._known:
                        self._known.add(row.wait.task)
                        await self._see(row)
                await listener.receive()

    async def _see(self, row: WaitRow) -> None:
        if row.wait.kind == "wait_for":
            pattern = json_line(dict(row.wait.pattern or {}))
            self._display.say(f"  {row.wait.task} waits for an event like {pattern}")
        elif row.wait.kind == "approve":
            await self._answer(row)

    async def _answer(self, row: WaitRow) -> None:
        form, approved = dict(self._answers.form), self._answers.approved
        if approved is None and not sys.stdin.isatty():
            self._display.say(f"  {row.wait.task} asks: {row.wait.title}")
            await self._give_up()
            return
        while True:
            if self._answers.approved is None:
                with self._display.aside():
                    approved, form = await anyio.to_thread.run_sync(
                        partial(_ask, row), abandon_on_cancel=True
                    )
            try:
                await self._give(row, form, approved=bool(approved))
                return
            except FormMisfit as error:
                self._display.say(f"  {error}")
                if self._answers.approved is not None:
                    await self._give_up()
                    return

    async def _give(self, row: WaitRow, form: Mapping[str, str], *, approved: bool) -> None:
        schema = row.wait.form
        values = None if schema is None or not approved else read_form(schema, form)
        with suppress(StateForbids):  # its time is over, or the run was cancelled
            await self._local.core.approvals.answer(
                self._run, row.wait.task, HERE, approved=approved, form=values
            )

    async def _give_up(self) -> None:
        row = await self._local.store.run(self._run)
        if row is not None and not self._local.core.engine.cancel(self._run, NOBODY):
            self._local.core.starter.cancel(row, NOBODY)


def _ask(row: WaitRow) -> tuple[bool, dict[str, str]]:
    """Ask whoever sits at the terminal."""
    if not typer.confirm(f"{row.wait.title} ({row.wait.task})", err=True):
        return False, {}
    names: Mapping[str, Any] = (row.wait.form or {}).get("properties", {})
    texts = {name: typer.prompt(f"  {name}", default="", err=True) for name in names}
    return True, {name: text for name, text in texts.items() if text}
