"""Runs that are only made while no other of their flow, or of their key, is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from triphammer.service.store.contract import Decided, Disposition, NewRun

Raw = sqlite3.Connection


class OpenRuns:
    """Which runs are open: those of the store, and those that a group is about to add.

    It is asked within the transaction that adds them: between the answer and the row no other
    run can come.
    """

    def __init__(self, raw: Raw, sql: Mapping[str, str]) -> None:
        self._raw = raw
        self._sql = sql
        self._added: dict[tuple[str, str | None], str] = {}

    def admit(self, decided: Decided) -> Decided:
        """`decided` without the runs that are not alone; their dispositions say why."""
        barred = {run.id: other for run in decided.runs if (other := self._take(run))}
        if not barred:
            return decided
        return msgspec.structs.replace(
            decided,
            runs=tuple(run for run in decided.runs if run.id not in barred),
            dispositions=tuple(_disposition(item, barred) for item in decided.dispositions),
        )

    def _take(self, run: NewRun) -> str | None:
        """The open run that stands in the way of `run`; None: `run` is added."""
        if run.alone and (other := self._open(run)) is not None:
            return other
        self._added.setdefault((run.flow, run.order_key), run.id)
        self._added.setdefault((run.flow, None), run.id)
        return None

    def _open(self, run: NewRun) -> str | None:
        if (added := self._added.get((run.flow, run.order_key))) is not None:
            return added
        if run.order_key is None:
            found = self._raw.execute(self._sql["open_run"], (run.flow,)).fetchone()
        else:
            values = (run.flow, run.order_key)
            found = self._raw.execute(self._sql["open_run_of_key"], values).fetchone()
        return None if found is None else str(found[0])


def _disposition(item: Disposition, barred: Mapping[str, str]) -> Disposition:
    other = barred.get(item.run or "")
    if other is None:
        return item
    detail = f"mode='single': {other} has not ended"
    return Disposition(item.subscription, item.flow, "skipped", detail)
