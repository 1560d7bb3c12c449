"""systemd's end of the notification socket."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self
from uuid import uuid4


class Listener:
    """A datagram socket in the abstract namespace, to be named by `NOTIFY_SOCKET`."""

    def __init__(self) -> None:
        self.address = f"@triphammer-test/{uuid4().hex}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(b"\0" + self.address[1:].encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def next(self) -> dict[str, str]:
        """The next message, waited for."""
        return _fields(self._socket.recv(65536))

    def wait_for(self, name: str) -> dict[str, str]:
        """The next message that sets `name`; those before it are dropped."""
        while name not in (found := self.next()):
            pass
        return found

    def all_so_far(self) -> list[dict[str, str]]:
        """The messages that have come and were not taken."""
        found: list[dict[str, str]] = []
        while True:
            try:
                found.append(_fields(self._socket.recv(65536, socket.MSG_DONTWAIT)))
            except BlockingIOError:
                return found


def _fields(datagram: bytes) -> dict[str, str]:
    lines = (line.partition("=") for line in datagram.decode().splitlines())
    return {name: value for name, _, value in lines}
