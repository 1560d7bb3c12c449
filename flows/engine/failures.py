"""What has failed in a run, or in a part of it."""

from __future__ import annotations

from collections.abc import Iterable

from triphammer.flows.journal import ErrorInfo, TaskRow


class Failures:
    """Tasks that have failed. The first of them is so by time, inner ones before what they are
    inside of, then by name: after a restart they come in another order."""

    __slots__ = ("_first", "_names")

    def __init__(self) -> None:
        self._names: list[str] = []
        self._first: tuple[tuple[int, int, str], ErrorInfo] | None = None

    def note(self, name: str, error: ErrorInfo, at: int) -> None:
        """`name` has failed for good."""
        self._names.append(name)
        place = (at, -name.count("]/"), name)
        if self._first is None or place < self._first[0]:
            self._first = (place, error)

    def recall(self, rows: Iterable[TaskRow]) -> None:
        """Take over what had failed before a restart; a map's items stand for nothing."""
        failed = [row for row in rows if row.state == "failed" and not row.name.endswith("]")]
        for row in sorted(failed, key=lambda row: row.finished_at or 0):
            self.note(row.name, row.error or ErrorInfo("Unknown", ""), row.finished_at or 0)

    @property
    def names(self) -> tuple[str, ...]:
        """All that have failed, in order."""
        return tuple(self._names)

    def first(self) -> ErrorInfo | None:
        """The first error, with the name of its task."""
        if self._first is None:
            return None
        (_, _, name), error = self._first
        return ErrorInfo(error.type, f"{name}: {error.message}", error.traceback)
