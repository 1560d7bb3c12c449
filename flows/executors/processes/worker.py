"""The main program of a worker process: carries out one attempt after the other.

It is started by exec, never by a fork of the daemon. What goes to its file descriptors 1 and
2 is read by the executor; what `print` and `logging` say in a task goes over the socket.
"""

from __future__ import annotations

import asyncio
import faulthandler
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import msgspec

from triphammer.config.secrets import Secrets
from triphammer.flows.capture import Capture, capturing
from triphammer.flows.context import TaskContext
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.executors.body import run_body
from triphammer.flows.executors.contract import Attempt, AttemptResult, Parcel
from triphammer.flows.executors.processes.groups import die_with_parent
from triphammer.flows.executors.processes.wire import (
    Advanced,
    Begun,
    Done,
    FromWorker,
    Hello,
    Ready,
    Said,
    Work,
    WorkerEnd,
)
from triphammer.flows.executors.remote import Outcome, Plans, perform
from triphammer.flows.executors.seat import Seat
from triphammer.flows.executors.sparing import Sparing
from triphammer.flows.journal import ErrorInfo, LogLine
from triphammer.flows.workdir import RunFolder


class Stopped(BaseException):
    """The executor asks the worker to end: raised in whatever the main thread is doing."""


class _Stop:
    """What SIGTERM does: a plain function is interrupted, a coroutine is cancelled."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> NoReturn:
        self.asked = True
        raise Stopped

    async def cancelling(self, awaitable: Awaitable[Any]) -> Any:
        """The value of `awaitable`, which is cancelled instead of interrupted."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, partial(self._cancel, task))
        try:
            return await awaitable
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, self._interrupt)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self.asked = True
        task.cancel()


def main() -> None:
    """Serve the executor whose socket and process id are the arguments."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    del sys.argv[1:]
    die_with_parent(parent)
    faulthandler.enable()
    stop = _Stop()
    with socket.socket(fileno=descriptor) as sock:
        sock.set_inheritable(False)
        try:
            _serve(WorkerEnd(sock), stop)
        except (EOFError, OSError, Stopped):
            return


def _serve(end: WorkerEnd, stop: _Stop) -> None:
    hello = end.receive()
    assert isinstance(hello, Hello)
    said = _Log(end.send, hello.most_lines)
    secrets = Secrets.of_parts(hello.secrets)
    capture = Capture(said, secrets, _now, sys.maxsize, together=1)
    with capturing(capture) as ended, asyncio.Runner() as runner:
        seat = Seat(runner)
        worker = _Worker(end, secrets, said, ended, seat, stop)
        try:
            end.send(Ready())
            while not stop.asked:
                message = end.receive()
                assert isinstance(message, Work)
                worker.carry_out(message)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it has been asked; then it is killed
            seat.close()


class _Worker:
    def __init__(
        self,
        end: WorkerEnd,
        secrets: Secrets,
        said: _Log,
        ended: Callable[[TaskContext], None],
        seat: Seat,
        stop: _Stop,
    ) -> None:
        self._end = end
        self._secrets = secrets
        self._said = said
        self._ended = ended
        self._seat = seat
        self._holds: set[tuple[str, str]] = set()
        self._stop = stop
        self._plans = Plans()

    def carry_out(self, work: Work) -> None:
        self._said.begin()
        outcome = self._outcome(work.parcel)
        outcome = msgspec.structs.replace(outcome, dropped=self._said.dropped)
        try:
            self._end.send(Done(outcome, tuple(self._holds)))
        except (ValueError, OverflowError):  # MessagePack holds no more than 4 GB at a place
            self._end.send(Done(_too_large(work.parcel, outcome)))

    def _outcome(self, parcel: Parcel) -> Outcome:
        place = Path(parcel.workdir)
        folder = RunFolder(place.parent, place.name, used=False)
        body = partial(self._body, parcel)
        return perform(parcel, self._plans, self._secrets, folder, _now, body)

    def _body(self, parcel: Parcel, attempt: Attempt) -> AttemptResult:
        if attempt.uses:
            attempt.context.opened = self._seat.opened()
            self._holds.add((parcel.flow, parcel.version))
        started = _now()
        self._end.send(Begun(started))
        attempt.context.notice = Sparing(self._advanced)
        return run_body(attempt, started, _now, self._ended, self._wait)

    def _advanced(self, done: float, total: float) -> None:
        self._end.send(Advanced(done, total))

    def _wait(self, awaitable: Awaitable[Any]) -> Any:
        return self._seat.wait(self._stop.cancelling(awaitable))


class _Log:
    """Sends lines as they come; only `most` of each attempt, the rest are counted."""

    def __init__(self, send: Callable[[FromWorker], None], most: int) -> None:
        self._send = send
        self._most = most
        self._count = 0

    @property
    def dropped(self) -> int:
        return max(self._count - self._most, 0)

    def begin(self) -> None:
        """Another attempt begins."""
        self._count = 0

    def __call__(self, run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None:
        self._count += len(lines)
        if self._count <= self._most:
            self._send(Said(tuple(lines)))


def _too_large(parcel: Parcel, outcome: Outcome) -> Outcome:
    text = f"the result of {parcel.id.task} is larger than 4 GB: return the path of a file"
    result = AttemptResult(
        id=parcel.id,
        started_at=outcome.result.started_at,
        finished_at=outcome.result.finished_at,
        error=ErrorInfo(ValueMisfit.__name__, text),
        retryable=False,
    )
    return Outcome(result, {})


def _now() -> int:
    return time.time_ns() // 1000
