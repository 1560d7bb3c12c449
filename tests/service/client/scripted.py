"""A daemon that answers what it was told to, one answer a connection, and notes what was asked."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import msgspec

LOST = b""
"""The answer of a connection that is cut off."""


class Asked(msgspec.Struct):
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


class Daemon(msgspec.Struct):
    """Where it is, and what it was asked."""

    url: str
    asked: list[Asked]


def answer(
    status: int = 200,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    text: str | None = None,
) -> bytes:
    """An answer as bytes: JSON, or a text. Problems are marked as such."""
    content = msgspec.json.encode(body) if text is None else text.encode()
    kind = "application/problem+json" if status >= 400 else "application/json"
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {kind}", "connection: close"]
    lines += [f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def stream(text: str) -> bytes:
    """The beginning of a stream that breaks off."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return head + text.encode()


@contextmanager
def daemon(*answers: bytes, wait: Callable[[], object] = lambda: None) -> Generator[Daemon]:
    """Serves the answers, in turn, each after a `wait`; after the last nobody is there any more."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        host, port = server.getsockname()
        asked: list[Asked] = []
        serving = pool.submit(_serve, server, answers, asked, wait)
        try:
            yield Daemon(f"http://{host}:{port}", asked)
        finally:
            with suppress(OSError):  # it has closed it itself after its last answer
                server.shutdown(socket.SHUT_RDWR)
            serving.result()


def _serve(
    server: socket.socket,
    answers: Sequence[bytes],
    asked: list[Asked],
    wait: Callable[[], object],
) -> None:
    for one in answers:
        try:
            connection, _ = server.accept()
        except OSError:  # the test has seen enough
            return
        with connection:
            asked.append(_read(connection))
            wait()
            connection.sendall(one)
    server.close()


def _read(connection: socket.socket) -> Asked:
    came = b""
    while b"\r\n\r\n" not in came:
        came += connection.recv(65536)
    head, _, body = came.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    pairs = (item.partition(":") for item in rest)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Asked(line, headers, body)
