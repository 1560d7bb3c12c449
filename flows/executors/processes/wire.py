"""What a worker process and its executor say to each other over their socket.

Frames of MessagePack behind their length. Nothing in them is unpickled but the values of a
parcel, and these only by the worker, once it has loaded the version they belong to.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from threading import Lock
from typing import Any

import anyio
import msgspec

from triphammer.flows.executors.contract import Parcel
from triphammer.flows.executors.remote import Outcome
from triphammer.flows.journal import LogLine

_LENGTH = struct.Struct("!Q")
CHUNK = 1 << 20


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The first frame to a worker: the secrets' parts, and how many lines an attempt may log."""

    secrets: Mapping[str, Any]
    most_lines: int


class Work(msgspec.Struct, frozen=True, tag=True):
    """An attempt to carry out."""

    parcel: Parcel


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker can take work."""


class Begun(msgspec.Struct, frozen=True, tag=True):
    """The body begins now: the timeout counts from here."""

    at: int


class Said(msgspec.Struct, frozen=True, tag=True):
    """Lines that the attempt printed or logged."""

    lines: tuple[LogLine, ...]


class Advanced(msgspec.Struct, frozen=True, tag=True):
    """How far the attempt says that it is."""

    done: float
    total: float


class Done(msgspec.Struct, frozen=True, tag=True):
    """The attempt has ended. `holds` are the flows, with their versions, whose resources the
    worker may have open."""

    outcome: Outcome
    holds: tuple[tuple[str, str], ...] = ()


ToWorker = Hello | Work
FromWorker = Ready | Begun | Said | Advanced | Done
_ENCODER = msgspec.msgpack.Encoder()
_TO_WORKER = msgspec.msgpack.Decoder[ToWorker](ToWorker)
_FROM_WORKER = msgspec.msgpack.Decoder[FromWorker](FromWorker)


class WorkerEnd:
    """The worker's end: blocks. `OSError` and `EOFError` when the executor has gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = Lock()

    def send(self, message: FromWorker) -> None:
        """Send one message; callable from any thread."""
        frame = _framed(message)
        with self._lock:
            self._sock.sendall(frame)

    def receive(self) -> ToWorker:
        """The next message."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        message: ToWorker = _TO_WORKER.decode(self._exactly(length))
        return message

    def _exactly(self, length: int) -> bytearray:
        found = bytearray(length)
        view, at = memoryview(found), 0
        while at < length:
            count = self._sock.recv_into(view[at:])
            if not count:
                raise EOFError
            at += count
        return found


class ExecutorEnd:
    """The executor's end, on its loop. `EOFError` when the worker has gone."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = bytearray()

    async def send(self, message: ToWorker) -> None:
        """Send one message."""
        rest = memoryview(_framed(message))
        while rest:
            try:
                rest = rest[self._sock.send(rest[:CHUNK]) :]
            except BlockingIOError:
                await anyio.wait_writable(self._sock)
            except OSError as error:
                raise EOFError from error

    async def receive(self) -> FromWorker:
        """The next message."""
        while (found := self._whole()) is None:
            await anyio.wait_readable(self._sock)
            try:
                read = self._sock.recv(CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise EOFError from error
            if not read:
                raise EOFError
            self._buffer += read
        return found

    def hang_up(self) -> None:
        """Nothing more comes: what has come already can still be received."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        self._sock.close()

    def _whole(self) -> FromWorker | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        frame = bytes(memoryview(self._buffer)[_LENGTH.size : end])
        del self._buffer[:end]
        try:
            message: FromWorker = _FROM_WORKER.decode(frame)
            return message
        except msgspec.MsgspecError as error:  # user code has written into our socket
            raise EOFError from error


def _framed(message: ToWorker | FromWorker) -> bytearray:
    frame = bytearray(_LENGTH.size)
    _ENCODER.encode_into(message, frame, _LENGTH.size)
    _LENGTH.pack_into(frame, 0, len(frame) - _LENGTH.size)
    return frame
