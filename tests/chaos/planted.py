"""Faults put into the daemon on purpose: each breaks a promise, and the regime must say so.

    python -m tests.chaos.planted [NAME...]

plants one after the other and runs the part of the regime that is to notice; exit code 1 if
one is not noticed. `launcher planted:NAME -- ...` starts a daemon with one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from tests.chaos.launcher import patch
from tests.chaos.planted_dispatch import PLANTED_IN_DISPATCH
from tests.chaos.planted_reload import PLANTED_IN_RELOADS

Around = Callable[..., Any]


def no_flush() -> None:
    """`synchronous=OFF`: a commit no longer waits for the disk."""
    from triphammer.service.store.sqlite import connection

    def lax(original: Around) -> Around:
        def pragmas(raw: sqlite3.Connection, **_: Any) -> None:
            original(raw, synchronous="OFF")

        return pragmas

    patch(connection, "_pragmas", lax)


def acknowledged_before_commit() -> None:
    """Sources are answered when their events have queued for the commit."""
    from triphammer.service.store.contract import Accept
    from triphammer.service.store.sqlite.store import SqliteStore

    def around(original: Around) -> Around:
        async def commit(self: SqliteStore, units: Sequence[Any]) -> Sequence[Any]:
            if not all(isinstance(unit, Accept) for unit in units):
                return await original(self, units)  # type: ignore[no-any-return]
            self.post(units, lambda outcomes: None)
            return [_as_accepted(unit.decided) for unit in units]

        return commit

    patch(SqliteStore, "commit", around)


def begun_before_commit() -> None:
    """Runs begin while the transaction that makes them is under way."""
    from triphammer.service.dispatcher.dispatcher import Dispatcher
    from triphammer.service.store.contract import Accept

    async def commit(self: Any, unit: Accept, kind: str) -> Any:
        self.expect(unit.decided)
        self.accepted(unit.decided, _as_accepted(unit.decided), kind, unit.received_at)
        self.expect_no_more(unit.decided)
        return (await self._store.commit([unit]))[0]

    patch(Dispatcher, "_commit", lambda _: commit)


def _as_accepted(decided: Sequence[Any]) -> tuple[Any, ...]:
    from triphammer.sensors.contract import Accepted

    return tuple(
        Accepted(d.event.key, d.event.id, d.event.source, False, tuple(r.id for r in d.runs))
        for d in decided
    )


def no_identities() -> None:
    """What came before is not known again."""
    from triphammer.service.store.sqlite.acceptance import Acceptance

    def all_new(self: Acceptance, raw: Any, arrivals: Sequence[Any]) -> list[bool]:
        return [True] * len(arrivals)

    patch(Acceptance, "_claim_identities", lambda _: all_new)


def no_seek() -> None:
    """A partition is read on from its end, whatever the stored position says."""
    from triphammer.sensors.kafka import session

    def around(original: Around) -> Around:
        def decide_start(facts: Any) -> Any:
            start = original(facts)
            return start if facts.stored is None else replace(start, offset=facts.end, check=None)

        return decide_start

    patch(session, "decide_start", around)


def broker_told_first() -> None:
    """Offsets are committed to the broker before the records are stored."""
    from triphammer.sensors.kafka.session import Session

    def around(original: Around) -> Around:
        async def store(self: Any, events: Any, moved: Any, stored: Any, dead: Any = ()) -> None:
            self.committer.offer({partition: at.next for partition, at in moved.items()})
            await self.committer.flush()
            await original(self, events, moved, stored, dead)

        return store

    patch(Session, "_store", around)


def journal_forgotten() -> None:
    """A run that is taken up again begins at its first task."""
    from triphammer.service.dispatcher.starter import Starter

    def around(original: Around) -> Around:
        def begin(self: Any, start: Any) -> None:
            original(self, msgspec.structs.replace(start, tasks=(), sent=()))

        return begin

    patch(Starter, "_begin", around)


def marked_before_send() -> None:
    """A message counts as delivered before it is sent."""
    from triphammer.service.outbox.worker import OutboxWorker
    from triphammer.service.store.contract import OutboxResult

    def around(original: Around) -> Around:
        async def deliver(self: Any, courier: Any, row: Any) -> None:
            done = OutboxResult(id=row.message.id, state="delivered", attempts=1, at=row.due_at)
            await self._commit([done])
            await original(self, courier, row)

        return deliver

    patch(OutboxWorker, "_deliver", around)


def another_id_each_time() -> None:
    """A message that is sent again has a new id."""
    from triphammer.config.ids import new_id
    from triphammer.service.outbox.courier import Courier

    def around(original: Around) -> Around:
        async def deliver(self: Any, message: Any) -> Any:
            return await original(self, msgspec.structs.replace(message, id=new_id("msg")))

        return deliver

    patch(Courier, "deliver", around)


def claim_dropped_first() -> None:
    """The store forgets a file's move before it is carried out."""
    from triphammer.service.claims import ClaimWorker
    from triphammer.service.store.contract import ClaimMoved

    def around(original: Around) -> Around:
        async def move(self: Any, due: Any) -> Any:
            await self._store.commit([ClaimMoved(event=due.event, moved_to=None)])
            return await original(self, due)

        return move

    patch(ClaimWorker, "_move", around)


def no_fence() -> None:
    """Results of a past life of a run are taken."""
    from triphammer.service.store.sqlite.apply import Applier

    def around(original: Around) -> Around:
        def init(self: Any) -> None:
            original(self)
            fence = self._sql["fence"].replace(
                "AND runs.epoch = json_extract(asked.value, '$[1]')", ""
            )
            self._sql = {**self._sql, "fence": fence}

        return init

    patch(Applier, "__init__", around)


def no_savepoints() -> None:
    """A unit that fails takes its whole group with it."""
    from triphammer.service.store.sqlite import writer

    def bare(applier: Any, raw: Any, units: Any) -> Any:
        return applier.apply(raw, units)

    patch(writer, "_saved", lambda _: bare)


PLANTED: Mapping[str, Callable[[], None]] = {
    plant.__name__: plant
    for plant in (
        acknowledged_before_commit,
        begun_before_commit,
        no_identities,
        no_seek,
        broker_told_first,
        journal_forgotten,
        marked_before_send,
        another_id_each_time,
        claim_dropped_first,
        no_fence,
        no_savepoints,
        no_flush,
        *PLANTED_IN_DISPATCH,
        *PLANTED_IN_RELOADS,
    )
}

if __name__ == "__main__":
    from tests.chaos.noticing import main

    main()
