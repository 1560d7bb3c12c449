"""Group commit: one transaction for whatever units have queued."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from time import perf_counter

import anyio
import msgspec
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint_if_cancelled

from triphammer.config.threadsafe import CallSoon, thread_caller
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.errors import StoreError, UnknownEvent
from triphammer.service.store.contract import Outcome, Unit
from triphammer.service.store.sqlite.apply import Applier, stretches
from triphammer.service.store.sqlite.connection import Connection
from triphammer.service.store.waits import Woken

GROUP = 1000
"""Units a transaction at most: more would only make the first of them wait."""
QUEUE = 20_000
"""Units that may wait before `commit` itself has to."""

UNIT_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    TypeError,
    ValueError,
    OverflowError,
    UnknownEvent,
)
"""What a unit's own values can be to blame for. Every other error ends the whole group."""

Done = Callable[[Sequence[Outcome]], None]
Listener = Callable[[Sequence[Woken]], None]
Committed = Callable[[float, int], None]
"""Told of each commit: its seconds and its units."""


class _Batch(msgspec.Struct):
    units: Sequence[Unit]
    done: Done


class Writer:
    """The only one that writes. After an error of unknown outcome it commits nothing more.

    `failed` is called once with the reason; the daemon then closes the store and opens it
    again: the kernel may have dropped pages that it could not write, so that a second fsync
    proves nothing.
    """

    def __init__(
        self,
        connection: Connection,
        failed: Callable[[Exception], None],
        committed: Committed | None = None,
    ) -> None:
        self._connection = connection
        self._applier = Applier()
        self._queue: deque[_Batch] = deque()
        self._group: deque[_Batch] = deque()
        self._size = 0
        self._wake = anyio.Event()
        self._room: anyio.Event | None = None  # made by whoever waits
        self._failed = failed
        self._committed = committed
        self._error: Exception | None = None
        self._abandoned: Exception | None = None
        self._call_soon: CallSoon | None = None
        self._closing = False
        self._listener: Listener | None = None

    def listen(self, woken: Listener) -> None:
        """Call `woken` after each commit in which waits were answered."""
        self._listener = woken

    async def commit(self, units: Sequence[Unit]) -> Sequence[Outcome]:
        """Wait for room, then for the commit. Raises `StoreUnavailable`.

        A cancellation counts before the units are posted. Then they are waited for: whoever
        asked must learn what is stored now, so that memory follows. `run` answers everybody.
        """
        await checkpoint_if_cancelled()
        if not units:
            return ()
        while self._size >= QUEUE and self._error is None:
            self._room = self._room or anyio.Event()
            await self._room.wait()
        ready = anyio.Event()
        outcomes: list[Outcome] = []

        def done(given: Sequence[Outcome]) -> None:
            outcomes.extend(given)
            ready.set()

        self.post(units, done)
        with anyio.CancelScope(shield=True):
            await ready.wait()
        if isinstance(outcomes[0], StoreUnavailable):
            raise outcomes[0]
        return outcomes

    async def answer(self) -> None:
        """Return when the writer's thread has had its turn, or the writer has given up."""
        ready = anyio.Event()
        self.post((), lambda _: ready.set())
        await ready.wait()

    def post(self, units: Sequence[Unit], done: Done) -> None:
        """Queue `units`; `done` gets their outcomes after the commit."""
        error = self._error or self._abandoned
        if error is not None:
            done([_unavailable(error)] * len(units))
            return
        self._queue.append(_Batch(units, done))
        self._size += len(units)
        self._wake.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Commit groups until cancelled or closed, and then what has queued until there.

        Whoever comes later is refused.
        """
        self._call_soon = thread_caller()
        task_status.started()
        try:
            while self._queue or not self._closing:
                if self._abandoned is not None and self._error is None:
                    self._give_up(self._abandoned)
                elif self._queue:
                    await self._commit_group()
                else:
                    self._wake = anyio.Event()
                    await self._wake.wait()
        finally:
            self._refuse(self._error or StoreError("it is closed"))

    def close(self) -> None:
        """End `run` once everything that has queued is committed."""
        self._closing = True
        self._wake.set()

    def abandon(self, error: Exception) -> None:
        """Commit nothing that is posted from now on; callable from any thread.

        For what else of the data folder has failed: an attempt that could not keep its result
        must not be committed as one that has failed by itself.
        """
        if self._abandoned is None:
            self._abandoned = error
            if self._call_soon is not None:
                self._call_soon(lambda: self._wake.set())

    def _take(self) -> None:
        """Move what fits into one transaction from the queue to the group."""
        group = self._group
        group.append(self._queue.popleft())
        size = len(group[0].units)
        while self._queue and size + len(self._queue[0].units) <= GROUP:
            group.append(self._queue.popleft())
            size += len(group[-1].units)
        self._size -= size
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    async def _commit_group(self) -> None:
        self._take()
        units = [batch.units for batch in self._group]
        began = perf_counter()  # the loop's own time may have steps of a millisecond
        # The transaction runs to its end on its thread whatever happens here: a cancellation
        # in between must not leave acknowledgements undecided.
        with anyio.CancelScope(shield=True):
            try:
                outcomes, woken = await self._connection.run(partial(_group, self._applier, units))
            except sqlite3.Error as error:
                self._give_up(error)
            else:
                if self._committed is not None:
                    self._committed(perf_counter() - began, sum(map(len, units)))
                for given in outcomes:
                    self._group.popleft().done(given)
                if woken and self._listener is not None:
                    self._listener(woken)

    def _give_up(self, error: Exception) -> None:
        self._error = error
        self._failed(error)
        self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        """Nothing is committed any more: answer everybody who waits and who will come."""
        self._error = error
        waiting = [*self._group, *self._queue]
        self._group.clear()
        self._queue.clear()
        self._size = 0
        self._make_room()
        for batch in waiting:
            batch.done([_unavailable(error)] * len(batch.units))


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the store cannot commit: {error}")


def _group(
    applier: Applier, batches: Sequence[Sequence[Unit]], raw: sqlite3.Connection
) -> tuple[list[list[Outcome]], Sequence[Woken]]:
    """One transaction, with the waits that it has answered. Raises `sqlite3.Error` when it is
    not known to have committed."""
    units = [unit for batch in batches for unit in batch]
    if not units:  # somebody only asks whether this thread answers
        return [[] for _ in batches], ()
    raw.execute("BEGIN IMMEDIATE")
    woken: list[Woken] = []
    try:
        outcomes = [
            o for stretch in stretches(units) for o in _stretch(applier, raw, stretch, woken)
        ]
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    given = iter(outcomes)
    return [list(islice(given, len(batch))) for batch in batches], woken


def _stretch(
    applier: Applier, raw: sqlite3.Connection, units: Sequence[Unit], woken: list[Woken]
) -> Sequence[Outcome]:
    """Units of one type together; one by one if any of them is to blame for an error."""
    outcomes = _saved(applier, raw, units, woken)
    if not isinstance(outcomes, Exception):
        return outcomes
    if len(units) == 1:
        return [outcomes]
    return [outcome for unit in units for outcome in _stretch(applier, raw, [unit], woken)]


def _saved(
    applier: Applier, raw: sqlite3.Connection, units: Sequence[Unit], woken: list[Woken]
) -> Sequence[Outcome] | Exception:
    """`units` in a savepoint: what is wrong with them harms no other of the group."""
    raw.execute("SAVEPOINT units")
    try:
        outcomes = applier.apply(raw, units)
    except UNIT_ERRORS as e:
        raw.execute("ROLLBACK TO units")
        raw.execute("RELEASE units")
        applier.undone()
        return e
    raw.execute("RELEASE units")
    woken += applier.take_woken()
    return outcomes
