"""On a Dask worker: carries an order out.

Dask runs a task again by itself when its worker dies. A task of ours must not be: whether it is
tried again is for its own policy to say. So before the body begins that is noted with the
scheduler, and whoever finds the note gives the attempt up.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from contextlib import ExitStack
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from triphammer.config.secrets import Secrets
from triphammer.flows.capture import Capture, capturing
from triphammer.flows.errors import WorkerDied
from triphammer.flows.executors.body import Wait, run_body
from triphammer.flows.executors.contract import Attempt, AttemptResult, Parcel
from triphammer.flows.executors.dask.order import Answer, News, Order, order_of, packed
from triphammer.flows.executors.dask.seats import Seats
from triphammer.flows.executors.remote import Outcome, Plans, perform
from triphammer.flows.executors.seat import Seat
from triphammer.flows.executors.sparing import Sparing
from triphammer.flows.journal import ErrorInfo, LogLine
from triphammer.flows.workdir import RunFolder

FLUSH_SECONDS = 0.2
FLUSH_LINES = 200
NOTE_SECONDS = 30.0
"""So long may the scheduler take to answer."""


def carry_out(payload: bytes) -> bytes:
    """The answer to an order: what Dask runs in a thread of a worker."""
    dask: Any = import_module("distributed")
    order = order_of(payload)
    told = _Told(order, dask.get_worker())
    if not _is_first(dask.Variable(order.key, client=dask.get_client())):
        return packed(Answer(_given_up(order), 0, ()))
    told.begun()
    outcome = far_side().carry_out(order, told)
    return packed(told.answer(outcome))


def _is_first(note: Any) -> bool:
    """Note that the attempt begins; False when it had begun, or nobody wants it any more."""
    try:
        if note.get(timeout=NOTE_SECONDS) is not None:
            return False
    except TimeoutError:
        return False
    note.set(_now(), timeout=NOTE_SECONDS)
    return True


def _given_up(order: Order) -> Outcome:
    now = _now()
    error = ErrorInfo(WorkerDied.__name__, "the Dask worker that carried it out is gone")
    id = order.parcel.id
    return Outcome(AttemptResult(id=id, started_at=now, finished_at=now, error=error), {})


class _Told:
    """The news of one attempt: lines go together a moment after they came."""

    def __init__(self, order: Order, worker: Any) -> None:
        self._order = order
        self._worker = worker
        self._mask = Secrets.of_parts(order.secrets).mask
        self._lock = Lock()
        self._waiting: list[LogLine] = []
        self._told = self._count = 0
        self._over = False

    def begun(self) -> None:
        """The body begins."""
        self._send(News(self._order.key, begun=_now()))

    def advanced(self, done: float, total: float) -> None:
        """The body says how far it is."""
        self._send(News(self._order.key, progress=(done, total)))

    def say(self, lines: Sequence[LogLine]) -> None:
        """Lines of the attempt's log; beyond the limit they are counted."""
        with self._lock:
            free = max(self._order.most_lines - self._count, 0)
            self._count += len(lines)
            first = not self._waiting
            self._waiting += [LogLine(n.at, n.level, self._mask(n.text)) for n in lines[:free]]
            full = len(self._waiting) >= FLUSH_LINES
        if full:
            self._flush()
        elif first:
            loop = self._worker.loop
            loop.add_callback(loop.call_later, FLUSH_SECONDS, self._flush)

    def answer(self, outcome: Outcome) -> Answer:
        """The answer, with what has not been told yet."""
        with self._lock:
            self._over = True
            dropped = max(self._count - self._order.most_lines, 0)
            rest = tuple(self._waiting)
            return Answer(msgspec.structs.replace(outcome, dropped=dropped), self._told, rest)

    def _flush(self) -> None:
        with self._lock:
            if self._over or not self._waiting:
                return
            lines, self._waiting = self._waiting, []
            self._told += len(lines)
            rows = tuple((line.at, line.level, line.text) for line in lines)
            self._send(News(self._order.key, lines=rows))

    def _send(self, news: News) -> None:
        self._worker.log_event(self._order.topic, msgspec.to_builtins(news))


class FarSide:
    """What all attempts in this process share: the versions loaded, the ears for their logs."""

    def __init__(self) -> None:
        self._plans = Plans()
        self._seats = Seats()
        self._listening: dict[tuple[str, str, int], _Told] = {}
        capture = Capture(self._hear, Secrets(), _now, sys.maxsize, together=1)
        # Never left: other attempts may be under way at any time, and outside of them all passes.
        self._for_good = ExitStack()
        self._ended = self._for_good.enter_context(capturing(capture))

    def carry_out(self, order: Order, told: _Told) -> Outcome:
        """The outcome of an order."""
        id = order.parcel.id
        secrets = Secrets.of_parts(order.secrets)
        self._listening[id.run, id.task, id.attempt] = told
        try:
            with ExitStack() as stack:
                folder = _folder(order.parcel, stack)
                outcome = perform(order.parcel, self._plans, secrets, folder, _now, self._body)
                return outcome if folder.place == order.parcel.workdir else _carried(outcome)
        finally:
            del self._listening[id.run, id.task, id.attempt]

    def _body(self, attempt: Attempt) -> AttemptResult:
        if attempt.uses:
            return self._seats.carry_out(partial(self._seated, attempt))
        return self._run(attempt, _wait)

    def _seated(self, attempt: Attempt, seat: Seat) -> AttemptResult:
        attempt.context.opened = seat.opened()
        return self._run(attempt, lambda awaitable: seat.wait(_awaited(awaitable)))

    def _run(self, attempt: Attempt, wait: Wait) -> AttemptResult:
        id = attempt.id
        attempt.context.notice = Sparing(self._listening[id.run, id.task, id.attempt].advanced)
        return run_body(attempt, _now(), _now, self._ended, wait)

    def _hear(self, run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None:
        told = self._listening.get((run, task, attempt))
        if told is not None:
            told.say(lines)


@cache
def far_side() -> FarSide:
    """The one of this process."""
    return FarSide()


def _folder(parcel: Parcel, stack: ExitStack) -> RunFolder:
    """The run's folder where this machine has it, else one for this attempt alone."""
    place = Path(parcel.workdir)
    if place.parent.is_dir():
        return RunFolder(place.parent, place.name, used=False)
    here = stack.enter_context(tempfile.TemporaryDirectory(prefix="triphammer-"))
    return RunFolder(Path(here), place.name, used=False)


def _carried(outcome: Outcome) -> Outcome:
    """With the contents of its files, whose folder is on this machine only and goes now."""
    contents = {digest: Path(file).read_bytes() for digest, file in outcome.files.items()}
    artifacts = {**outcome.artifacts, **contents}
    return msgspec.structs.replace(outcome, artifacts=artifacts, files={})


def _wait(awaitable: Awaitable[Any]) -> Any:
    with asyncio.Runner() as runner:
        return runner.run(_awaited(awaitable), context=contextvars.copy_context())


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _now() -> int:
    return time.time_ns() // 1000
