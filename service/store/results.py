"""What a store tells of the results of tasks, and of the files that they have kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from triphammer.flows.journal import Cached, Kept, TaskRow


class ResultReads(Protocol):
    """A part of `Store`."""

    async def tasks(
        self,
        run: str,
        *,
        after: str | None = None,
        limit: int | None = None,
        bytes: int | None = None,
        items: bool = True,
    ) -> Sequence[TaskRow]:
        """In the order they were first written. They end early with the row that brings the
        results, as they are stored, to `bytes`; `items` of maps may be left out."""
        ...

    async def task_and_items(self, run: str, name: str) -> Sequence[TaskRow]:
        """The row of one task; of a map also those of its items, in the order they were written."""
        ...

    async def cached(self, asked: Sequence[tuple[str, int]]) -> Mapping[str, Cached]:
        """Of cache keys, each with a time: the newest result that is no older, and its run."""
        ...

    async def artifacts(self, run: str, limit: int) -> Sequence[Kept]:
        """What the tasks of a run have kept, in order."""
        ...

    async def artifact(self, digest: str) -> Kept | None:
        """What the newest that has kept this content says of it."""
        ...
