"""A connection without a network: bytes in, bytes out, and a clock that is set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from triphammer.service.web.connection import Connection
from triphammer.service.web.connections import ConnectionLimits, Connections

LIMITS = ConnectionLimits(
    connections=3,
    streams=1,
    head=2000,
    bodies=10_000,
    head_timeout=10,
    body_timeout=30,
    keep_alive=75,
)
TURNS = 30
"""Turns of the loop in which whatever can happen has happened."""


class Seen(msgspec.Struct, frozen=True):
    """A request as the application got it."""

    method: str
    path: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class App:
    """Notes each request once its body is whole and answers 200 with the path.

    `/held` is answered when `may_answer` is set, `/endless` streams for ever, and `/early` is
    answered whatever its body.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.gone = 0
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/endless":
            await self._stream(receive, send)
            return
        body, more = b"", scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            body += message["body"]
            more = message["more_body"]
        self.seen.append(Seen(scope["method"], scope["path"], list(scope["headers"]), body))
        if scope["path"] == "/held":
            await self.may_answer.wait()
        text = scope["path"].encode()
        length = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": text})

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"news", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone += 1


class Line(asyncio.Transport):
    """What a connection writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False
        self.aborted = False
        self.half_closed = False
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.half_closed
        if not self.closed:
            self.sent += bytes(data)

    def write_eof(self) -> None:
        self.half_closed = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Client:
    """The other end of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.line = Line()
        connection.connection_made(self.line)

    async def send(self, *pieces: bytes) -> None:
        """Bring bytes, each piece in a read of its own."""
        for piece in pieces:
            if not self.line.closed:
                self._connection.data_received(piece)
            await settle()

    async def go(self) -> None:
        """Close the connection from this end."""
        self._connection.connection_lost(None)
        await settle()

    async def stop_reading(self) -> None:
        self._connection.pause_writing()
        await settle()

    async def read_on(self) -> None:
        self._connection.resume_writing()
        await settle()

    def shut_down(self) -> None:
        """The daemon stops."""
        self._connection.shutdown()

    @property
    def statuses(self) -> list[int]:
        """Those of the answers so far, in order."""
        parts = self.line.sent.split(b"HTTP/1.1 ")[1:]
        return [int(part[:3]) for part in parts]

    @property
    def ended(self) -> bool:
        """Whether the connection has been closed, or half-closed behind a refusal."""
        return self.line.closed or self.line.half_closed


class Wire:
    """The server's side: all connections, their application and the time."""

    def __init__(self, limits: ConnectionLimits = LIMITS) -> None:
        self.time = 0.0
        self.app = App()
        self.connections = Connections(limits, lambda: self.time)
        self._config = Config(
            self.app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        self._config.load()
        self._state = ServerState()

    def connect(self) -> Client:
        loop = asyncio.get_running_loop()
        return Client(Connection(self._config, self._state, self.connections, loop))

    async def wait(self, seconds: float) -> None:
        """Let time pass; whoever is due is ended."""
        self.time += seconds
        self.connections.sweep()
        await settle()


async def settle() -> None:
    """Let everything happen that can happen now."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def get(path: str = "/a", *headers: str) -> bytes:
    return request("GET", path, *headers)


def post(body: bytes, path: str = "/a", *headers: str) -> bytes:
    return request("POST", path, f"Content-Length: {len(body)}", *headers) + body


def request(method: str, path: str, *headers: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode("latin-1")
