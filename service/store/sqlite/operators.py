"""Carries out what operators do to runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from triphammer.service.store.operator_units import (
    TAGS,
    Annotate,
    MarkRun,
    MarkTask,
    Operation,
    RetryRun,
)
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.statements import statements

Raw = sqlite3.Connection


class Operators:
    """Knows the statements; works within the writer's open transaction."""

    def __init__(self) -> None:
        self._sql = statements("writes.sql")

    def by_type(self) -> Mapping[type, Callable[[Raw, Any], bool]]:
        """What carries out which unit."""
        return {
            RetryRun: self.retry,
            MarkTask: self.mark_task,
            MarkRun: self.mark_run,
            Annotate: self.annotate,
        }

    def retry(self, raw: Raw, unit: RetryRun) -> bool:
        """A run that has ended is queued again, some of its tasks as if they had not begun."""
        values = (unit.operation.run, unit.epoch)
        if self.is_known(raw, unit.operation):
            return False
        found = raw.execute(self._sql["retry_run"], values).fetchone()
        if found is None:
            return False
        run, event = found
        raw.execute(self._sql["begin_anew"], (run, rows.names_text(unit.anew)))
        raw.execute(self._sql["claim_open"], (event,))
        self.note(raw, unit.operation)
        return True

    def mark_task(self, raw: Raw, unit: MarkTask) -> bool:
        """A task of a run that has ended counts as somebody says."""
        values = (unit.operation.run, unit.epoch)
        if self.is_known(raw, unit.operation):
            return False
        found = raw.execute(self._sql["touch_ended"], values).fetchone()
        if found is None:
            return False
        raw.execute(self._sql["put_task"], rows.task_values(found[0], unit.row))
        raw.execute(self._sql["begin_anew"], (found[0], rows.names_text(unit.anew)))
        self.note(raw, unit.operation)
        return True

    def mark_run(self, raw: Raw, unit: MarkRun) -> bool:
        """A run that has ended counts as somebody says."""
        values = (unit.operation.run, unit.epoch, unit.state, rows.packed(unit.error))
        if self.is_known(raw, unit.operation):
            return False
        if raw.execute(self._sql["mark_run"], values).rowcount == 0:
            return False
        self.note(raw, unit.operation)
        return True

    def annotate(self, raw: Raw, unit: Annotate) -> bool:
        """A run has a note and tags."""
        if self.is_known(raw, unit.operation):
            return False
        found = raw.execute(self._sql["tags_of_run"], (unit.operation.run,)).fetchone()
        if found is None:
            return False
        run, before = found[0], msgspec.json.decode(found[1], type=list[str])
        tags = [t for t in dict.fromkeys([*before, *unit.add]) if t not in unit.remove]
        if len(tags) > max(TAGS, len(before)):
            return False
        raw.execute(self._sql["annotate_run"], (run, unit.note, rows.names_text(tags)))
        raw.execute(self._sql["drop_tags"], (run,))
        raw.execute(self._sql["add_tags"], (run, rows.names_text(tags)))
        self.note(raw, unit.operation)
        return True

    def is_known(self, raw: Raw, operation: Operation) -> bool:
        """Whether its key was given for the run before."""
        values = (operation.run, operation.key)
        return raw.execute(self._sql["operation_of_key"], values).fetchone() is not None

    def note(self, raw: Raw, it: Operation) -> None:
        """Keep it for those who ask later."""
        values = (it.run, it.at, it.by, it.what, it.detail, it.key)
        raw.execute(self._sql["add_operation"], values)
