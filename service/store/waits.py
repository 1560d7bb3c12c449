"""What a store knows of runs that wait: units, rows and reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from triphammer.flows.journal import Wait, WaitAnswer
from triphammer.service.store.operator_units import Operation


class AnswerWait(msgspec.Struct, frozen=True, kw_only=True):
    """Answer the wait of a task, if it is open and the operation's key is new. Outcome: whether
    it was."""

    run: str
    task: str
    kind: str
    answer: WaitAnswer
    operation: Operation | None = None


class WakeDue(msgspec.Struct, frozen=True, kw_only=True):
    """Answer at most `limit` waits whose time is over at `at`. Outcome: how many there were."""

    at: int
    limit: int = 500


class LookedBack(msgspec.Struct, frozen=True, kw_only=True):
    """A wait has looked at the events before it: the `answer` is one of them, or it is to come.

    Outcome: False when it had looked before, or is over.
    """

    wait: int
    answer: WaitAnswer | None = None


class WaitRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a run waits for. `answered`: it has come, and the run is about to go on."""

    wait: Wait
    began_at: int
    answered: bool


class Woken(msgspec.Struct, frozen=True):
    """A wait of a run was answered."""

    run: str
    flow: str
    task: str
    answer: WaitAnswer


class ToLook(msgspec.Struct, frozen=True, kw_only=True):
    """A wait, by its number, that is to look at the events from one number to another. `own` is
    the key of its run's event, which is not what it waits for."""

    number: int
    wait: Wait
    own: str
    first: int
    upto: int


class WaitReads(Protocol):
    """The named reads of waits."""

    def listen(self, woken: Callable[[Sequence[Woken]], None]) -> None:
        """Call `woken` on the loop after each commit in which waits were answered, once
        everybody knows what became of his units."""
        ...

    async def waits(self, run: str) -> Sequence[WaitRow]:
        """What a run waits for, in the order it began to."""
        ...

    async def next_wait_due(self) -> int | None:
        """When the time of the next open wait is over."""
        ...

    async def waits_to_look(self, limit: int) -> Sequence[ToLook]:
        """Waits that have still to look at the events before them."""
        ...

    async def woken(self) -> Sequence[tuple[str, str]]:
        """Run and flow of those that have answers which they have not taken yet."""
        ...

    async def cancelled_waiting(self) -> Sequence[tuple[str, str, str]]:
        """Run, flow and by whom of those that wait though somebody has cancelled them."""
        ...
