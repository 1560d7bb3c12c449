"""Tells the broker, after every store commit, how far the group has come."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import anyio
from aiokafka.errors import KafkaError

from triphammer.sensors.kafka.positions import Partition, Position

RETRY_SECONDS = 1.0

Commit = Callable[[Mapping[Partition, Position]], Awaitable[None]]


class Committer:
    """Commits the latest offered offsets, one request at a time, beside the reading.

    A commit that fails is tried again with the next; one that is lost costs nothing: the
    stored positions rule.
    """

    def __init__(self, commit: Commit, *, limit: float, log: logging.Logger) -> None:
        self._commit = commit
        self._limit = limit
        self._log = log
        self._pending: dict[Partition, Position] = {}
        self._epoch = 0
        self._wake = anyio.Event()
        self._one = anyio.Lock()

    def offer(self, positions: Mapping[Partition, Position]) -> None:
        """Commit these soon."""
        self._pending.update(positions)
        self._wake.set()

    def forget(self) -> None:
        """Drop what is pending: the partitions are given away, and others commit now."""
        self._pending = {}
        self._epoch += 1

    async def run(self) -> None:
        """Commit what is offered, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            if not await self.flush():
                self._wake.set()
                await anyio.sleep(RETRY_SECONDS)

    async def flush(self) -> bool:
        """Commit what is pending now; False if that failed or took longer than the limit."""
        async with self._one:
            epoch, taken, self._pending = self._epoch, self._pending, {}
            if not taken:
                return True
            done = False
            try:
                with anyio.move_on_after(self._limit):
                    await self._commit(taken)
                    done = True
            except KafkaError as error:
                self._log.debug("offsets not committed to the broker: %s", error)
            if not done and epoch == self._epoch:
                self._pending = {**taken, **self._pending}
            return done
