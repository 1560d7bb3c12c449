"""A real HTTP receiver of webhooks on the test's own loop: records, checks, answers as told."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream


@dataclass(frozen=True)
class Delivery:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def signed_with(self, key: bytes) -> bool:
        """Whether the Standard Webhooks signature is the one that `key` makes."""
        stamp = self.headers["webhook-timestamp"]
        content = f"{self.id}.{stamp}.".encode() + self.body
        digest = hmac.new(key, content, hashlib.sha256).digest()
        wanted = "v1," + base64.b64encode(digest).decode()
        return hmac.compare_digest(wanted, self.headers.get("webhook-signature", ""))


@dataclass(frozen=True)
class Answer:
    """What to answer; with `hold`, only once that event is set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    hold: anyio.Event | None = None


class Receiver:
    """Answers `answers` in turn, after those what `always` says."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.deliveries: list[Delivery] = []
        self.answers: deque[Answer] = deque()
        self.always: Callable[[Delivery], Answer] = lambda _: Answer()
        self.answered = 0
        self.connections = 0
        self._news = anyio.Event()

    async def wait_for(self, count: int) -> list[Delivery]:
        """Wait until that many requests have arrived; all of them."""
        while len(self.deliveries) < count:
            await self._news.wait()
        return self.deliveries

    async def serve(self, stream: SocketStream) -> None:
        """One connection, to its end."""
        self.connections += 1
        connection = h11.Connection(h11.SERVER)
        async with stream:
            try:
                while await self._exchange(connection, stream):
                    connection.start_next_cycle()
            except (anyio.BrokenResourceError, anyio.EndOfStream, h11.RemoteProtocolError):
                return  # the sender hung up

    async def _exchange(self, connection: h11.Connection, stream: SocketStream) -> bool:
        request: h11.Request | None = None
        body = b""
        while True:
            event: Any = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await _received(stream))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        assert request is not None
        answer = self._recorded(request, body)
        if answer.hold is not None:
            await answer.hold.wait()
        headers = [*answer.headers.items(), ("content-length", str(len(answer.body)))]
        head = h11.Response(status_code=answer.status, headers=headers)
        for part in (head, h11.Data(data=answer.body), h11.EndOfMessage()):
            await stream.send(connection.send(part) or b"")
        self.answered += 1
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    def _recorded(self, request: h11.Request, body: bytes) -> Answer:
        headers = {name.decode(): value.decode() for name, value in request.headers}
        method, path = request.method.decode(), request.target.decode()
        delivery = Delivery(method, path, headers, body)
        answer = self.answers.popleft() if self.answers else self.always(delivery)
        self.deliveries.append(delivery)
        self._news.set()
        self._news = anyio.Event()
        return answer


async def _received(stream: SocketStream) -> bytes:
    try:
        return await stream.receive()
    except anyio.EndOfStream:
        return b""


@asynccontextmanager
async def open_receiver() -> AsyncGenerator[Receiver]:
    """A receiver on a free loopback port."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    receiver = Receiver(listener.extra(SocketAttribute.local_port))
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, receiver.serve)
        yield receiver
        group.cancel_scope.cancel()
