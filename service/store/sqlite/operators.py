"""Carries out what operators do to runs."""

from __future__ import annotations

import sqlite3

from triphammer.service.store.operator_units import Operation, RetryRun
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection


class Operators:
    """Knows the statements; works within the writer's open transaction."""

    def __init__(self) -> None:
        self._sql = statements("writes.sql")

    def retry(self, raw: Raw, unit: RetryRun) -> bool:
        """A run that has ended is queued again, some of its tasks as if they had not begun."""
        if self._is_known(raw, unit.operation):
            return False
        values = (unit.operation.run, unit.epoch)
        found = raw.execute(self._sql["retry_run"], values).fetchone()
        if found is None:
            return False
        run, event = found
        raw.execute(self._sql["begin_anew"], (run, rows.names_text(unit.anew)))
        raw.execute(self._sql["claim_open"], (event,))
        self._note(raw, unit.operation)
        return True

    def _is_known(self, raw: Raw, operation: Operation) -> bool:
        values = (operation.run, operation.key)
        return raw.execute(self._sql["operation_of_key"], values).fetchone() is not None

    def _note(self, raw: Raw, it: Operation) -> None:
        values = (it.run, it.at, it.by, it.what, it.detail, it.key)
        raw.execute(self._sql["add_operation"], values)
