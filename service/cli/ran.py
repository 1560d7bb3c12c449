"""What `triphammer run` prints of a run that has ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import typer

from triphammer.flows.codec import decode_json_safe
from triphammer.flows.journal import Encoded, ErrorInfo, OutMessage
from triphammer.service.cli.output import print_json
from triphammer.service.outbox.outcome import Outcome


class Ran(msgspec.Struct, frozen=True):
    """A run (or one task of it) that has ended, with its messages and what became of those that
    were sent."""

    name: str
    state: str
    result: Encoded | None
    error: ErrorInfo | None
    messages: Sequence[tuple[OutMessage, Outcome | None]]


def as_json(ran: Ran) -> None:
    """Print it for programs."""
    error = None if ran.error is None else msgspec.structs.asdict(ran.error)
    told = {"state": ran.state, "result": _result(ran), "error": error, "messages": _told(ran)}
    print_json(told)


def show(ran: Ran, mask: Callable[[str], str]) -> None:
    """Print it for people; `mask` hides the secrets that messages hold."""
    for message, outcome in ran.messages:
        what = "not sent (--deliver sends it)" if outcome is None else repr(outcome)
        typer.echo(mask(f"{message.kind} to {message.target}: {_text(message)} - {what}"))
    if ran.error is not None:
        typer.echo(_why(ran.error), err=True)
    typer.echo(f"{ran.name} {ran.state}")
    result = _result(ran)
    if result is not None:
        print_json(result)


def _result(ran: Ran) -> Any:
    return None if ran.result is None else decode_json_safe(ran.result)


def _told(ran: Ran) -> list[Any]:
    return [
        {"kind": m.kind, "target": m.target, "key": m.key, "body": _text(m), "id": m.id}
        for m, _ in ran.messages
    ]


def _text(message: OutMessage) -> str | None:
    return None if message.body is None else message.body.decode("utf-8", "replace")


def _why(error: ErrorInfo) -> str:
    """The traceback, and what it does not say: which task it was, and where that is written."""
    if not error.traceback or error.message in error.traceback:
        return error.traceback or error.message
    return f"{error.traceback.rstrip()}\n{error.message}"
