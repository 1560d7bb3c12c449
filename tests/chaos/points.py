"""The named fail points of the daemon: where a crash would hurt most."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from tests.chaos.launcher import Hook, patch


def before_commit(hook: Hook) -> None:
    """Everything of a group is written, and the transaction is not committed."""
    from triphammer.service.store.sqlite import writer

    def group(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(applier: Any, batches: Any, raw: sqlite3.Connection) -> Any:
            return original(applier, batches, _Through(raw, hook))

        return wrapped

    patch(writer, "_group", group)


class _Through:
    """A connection seen through: everything as it is, but the hook before each commit."""

    def __init__(self, raw: sqlite3.Connection, hook: Hook) -> None:
        self._raw = raw
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def execute(self, sql: str, *more: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self._hook()
        return self._raw.execute(sql, *more)


def after_commit(hook: Hook) -> None:
    """The group is durable, and nobody has been told."""
    from triphammer.service.store.sqlite import writer

    patch(writer, "_group", _then(hook))


def before_acknowledgement(hook: Hook) -> None:
    """The daemon's memory has advanced, and the source has not been answered."""
    from triphammer.service.dispatcher.dispatcher import Dispatcher

    patch(Dispatcher, "accepted", _then(hook))


def before_result(hook: Hook) -> None:
    """A task has done its work, and its result is on its way to the journal."""
    from triphammer.service.dispatcher.journal import RunJournal

    patch(RunJournal, "post", _first(hook))


def before_send(hook: Hook) -> None:
    """A message of the outbox is due, and not sent."""
    from triphammer.service.outbox.courier import Courier

    patch(Courier, "deliver", _first(hook))


def after_send(hook: Hook) -> None:
    """The receiver has the message, and the outbox does not know."""
    from triphammer.service.outbox.courier import Courier

    patch(Courier, "deliver", _then_async(hook))


def during_move(hook: Hook) -> None:
    """A file has both its names."""
    from triphammer.sensors.files import move

    patch(move, "_drop", _first(hook))


def after_move(hook: Hook) -> None:
    """A file is moved, and the store does not know."""
    from triphammer.service import claims

    patch(claims, "move", _then(hook))


def during_recovery(hook: Hook) -> None:
    """The start takes up a run that a crash has left."""
    from triphammer.service.dispatcher.starter import Starter

    patch(Starter, "_begin_row", _first(hook))


def before_broker_commit(hook: Hook) -> None:
    """Records are stored, and the broker does not know."""
    from triphammer.sensors.kafka.session import Session

    patch(Session, "_commit", _first(hook))


def _first(hook: Hook) -> Callable[[Any], Any]:
    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            hook()
            return original(*arguments, **named)

        return wrapped

    return around


def _then(hook: Hook) -> Callable[[Any], Any]:
    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            value = original(*arguments, **named)
            hook()
            return value

        return wrapped

    return around


def _then_async(hook: Hook) -> Callable[[Any], Any]:
    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapped(*arguments: Any, **named: Any) -> Any:
            value = await original(*arguments, **named)
            hook()
            return value

        return wrapped

    return around


Point = Callable[[Hook], None]
POINTS: Mapping[str, Point] = {
    point.__name__: point
    for point in (
        before_commit,
        after_commit,
        before_acknowledgement,
        before_result,
        before_send,
        after_send,
        during_move,
        after_move,
        during_recovery,
        before_broker_commit,
    )
}
