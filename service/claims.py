"""Moves files to `done=` / `failed=` after the last run of their event: journaled steps.

The store says which moves are due; a move that a crash cut off is due again and found done.
"""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

from triphammer.sensors.files.move import move
from triphammer.service.store.contract import ClaimMoved, DueClaim, Store

BATCH = 50
RETRY_SECONDS = 30.0


class ClaimWorker:
    """Carries out due moves, one after the other, whenever `notify` says there may be some."""

    def __init__(self, *, store: Store, log: logging.Logger) -> None:
        self._store = store
        self._log = log
        self._wake = anyio.Event()
        self._wake.set()

    def notify(self) -> None:
        """A run has ended: a move may be due."""
        self._wake.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Move files until cancelled. A move that fails is tried again later."""
        task_status.started()
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            if not await self.move_due():
                with anyio.move_on_after(RETRY_SECONDS):
                    await self._wake.wait()
                self._wake.set()

    async def move_due(self) -> bool:
        """Carry out all moves that are due; False when some failed and must be tried again."""
        tried: set[str] = set()
        while True:
            due = [d for d in await self._store.claims_due(BATCH) if d.event not in tried]
            if not due:
                return not tried
            for item in due:
                if not await self._move(item):
                    tried.add(item.event)

    async def _move(self, due: DueClaim) -> bool:
        try:
            moved = await anyio.to_thread.run_sync(move, due.claim, due.failed, due.event)
        except OSError as error:
            self._log.error("cannot move %s: %s; it stays in place for now", due.claim.path, error)
            return False
        if moved.reason:
            self._log.warning("%s was left in place: %s", due.claim.path, moved.reason)
        to = None if moved.to is None else str(Path(moved.to))
        unit = ClaimMoved(event=due.event, moved_to=to, reason=moved.reason)
        await self._store.commit([unit])
        return True
