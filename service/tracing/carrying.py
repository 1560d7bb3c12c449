"""What goes out says which trace it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from triphammer.config.trace_context import TRACEPARENT, TraceContext
from triphammer.flows.journal import OutMessage, RunChange
from triphammer.service.dispatcher.finished import RunAbout

CARRIED = frozenset({"webhook", "kafka"})
"""Kinds of messages that have headers for it."""


class Carrier(Protocol):
    """Knows where in a trace things are."""

    def of_run(self, run: str, about: RunAbout) -> TraceContext | None:
        """The place of what a run itself brings about."""
        ...

    def of_task(self, run: str, about: RunAbout, task: str, attempt: int) -> TraceContext | None:
        """The place of what an attempt brings about."""
        ...

    def outgoing(self, message: OutMessage, began: int) -> OutMessage:
        """A message as the attempt to deliver it that begins at `began` sends it."""
        ...


class Forwarding:
    """Passes on what came in. Nothing of ours is recorded, so that the last span that somebody
    knows is the sender's."""

    def of_run(self, run: str, about: RunAbout) -> TraceContext | None:
        """See `Carrier`."""
        return about.trace

    def of_task(self, run: str, about: RunAbout, task: str, attempt: int) -> TraceContext | None:
        """See `Carrier`."""
        return about.trace

    def outgoing(self, message: OutMessage, began: int) -> OutMessage:
        """See `Carrier`."""
        return message


def carried(change: RunChange, about: RunAbout | None, carrier: Carrier) -> RunChange:
    """`change` with the trace in the headers of its messages; those that name one keep it."""
    if about is None or not change.outbox:
        return change
    attempts = {row.name: row.attempt for row in change.tasks}
    messages = tuple(
        _with(message, carrier.of_task(change.run, about, message.task, attempts[message.task]))
        if message.kind in CARRIED and message.task in attempts and not names_trace(message)
        else message
        for message in change.outbox
    )
    return msgspec.structs.replace(change, outbox=messages)


def names_trace(message: OutMessage) -> bool:
    """Whether whoever wrote the message has set the header."""
    return any(name.lower() == TRACEPARENT for name in message.headers)


def extensions(context: TraceContext | None) -> Mapping[str, str]:
    """The attributes of an event that is brought about there."""
    return {} if context is None else context.headers


def _with(message: OutMessage, context: TraceContext | None) -> OutMessage:
    if context is None:
        return message
    return msgspec.structs.replace(message, headers={**message.headers, **context.headers})
