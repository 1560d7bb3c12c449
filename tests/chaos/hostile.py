"""Clients that mean harm: many raw connections, and what they send."""

from __future__ import annotations

import resource
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from urllib.parse import urlsplit

PER_ADDRESS = 2000
"""Connections from one address of this machine: each has so many ports, and no more."""
RESET = struct.pack("ii", 1, 0)
PATIENCE = 30.0
"""Seconds until an answer that must come is not waited for any longer."""
HOST = "Host: x"


def raise_descriptors() -> int:
    """Let this process open as many files as it may; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Crowd:
    """Many connections to one daemon, from several addresses of this machine."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        place = urlsplit(url)
        self._place = (place.hostname, place.port)
        self._tls = tls
        self.members: list[socket.socket] = []

    def open(self, count: int) -> None:
        """So many more connections, none of which has sent anything."""
        raise_descriptors()
        for _ in range(count):
            origin = f"127.0.0.{2 + len(self.members) // PER_ADDRESS}"
            made = socket.create_connection(self._place, PATIENCE, source_address=(origin, 0))
            self.members.append(made if self._tls is None else self._tls.wrap_socket(made))

    def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send all of it on every connection that still takes it, with a pause between pieces."""
        for piece in pieces:
            for member in self.members:
                with suppress(OSError):
                    member.sendall(piece)
            Event().wait(pause)  # that is the attack

    def stream(self, count: int, head: bytes, piece: bytes, times: int) -> None:
        """So many more connections, each with a head and then a piece again and again."""
        for _ in range(count):
            self.open(1)
            with suppress(OSError):
                self.members[-1].sendall(head)
                for _ in range(times):
                    self.members[-1].sendall(piece)

    def statuses(self) -> Counter[int]:
        """The first answer on each connection; 0: it was closed without one."""
        return Counter(first_status(member) for member in self.members)

    def answers(self) -> list[int]:
        """How many answers each connection brought before it was closed."""
        return [read_all(member).count(b"HTTP/1.1 ") for member in self.members]

    def leave(self, *, reset: bool = False) -> None:
        """Close all connections; with a reset, as a process does that dies."""
        for member in self.members:
            if reset:
                with suppress(OSError):
                    member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            member.close()
        self.members.clear()


@contextmanager
def crowd(url: str, tls: ssl.SSLContext | None = None) -> Generator[Crowd]:
    """A crowd that is gone at the end."""
    made = Crowd(url, tls)
    try:
        yield made
    finally:
        made.leave()


def chunks_of(member: socket.socket) -> Iterator[bytes]:
    with suppress(ConnectionError):
        while chunk := member.recv(65536):
            yield chunk


def read_all(member: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(chunks_of(member))


def first_status(member: socket.socket) -> int:
    """The status of the first answer; 0: the connection was closed without one."""
    came = b""
    for chunk in chunks_of(member):
        came += chunk
        if b"\r\n" in came:
            return int(came.split(b" ", 2)[1])
    return 0


def request(method: str, path: str, *headers: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", HOST, *headers, "", ""]).encode("latin-1")


def post(body: bytes, *headers: str, path: str = "/hooks/in") -> bytes:
    """A whole request with a body of JSON."""
    given = (f"Content-Length: {len(body)}", "Content-Type: application/json", *headers)
    return request("POST", path, *given) + body


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]
