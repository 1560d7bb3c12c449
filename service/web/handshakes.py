"""HTTPS: clients count from when they have connected, not only once they have shaken hands."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup

from triphammer.service.web.connection import Connection
from triphammer.service.web.connections import Connections, Member

FULL_SECONDS = 1.0
"""How long nobody is let in when no client can be."""
Connect = Callable[[Member], Connection]

log = logging.getLogger("triphammer.web")


class Handshakes:
    """Lets clients in by TLS. The event loop can do that by itself, but tells of a client only
    after the handshake: those who never shake hands would take all descriptors."""

    def __init__(self, context: ssl.SSLContext, connections: Connections, connect: Connect) -> None:
        self._context = context
        self._all = connections
        self._connect = connect
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()

    async def run(self, listener: socket.socket) -> None:
        """Let clients in until stopped."""
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    await self._let_in(listener, group)
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Let nobody in any more; who has not shaken hands yet is left."""
        self._scope.cancel()
        await self._ended.wait()

    async def _let_in(self, listener: socket.socket, group: TaskGroup) -> None:
        while True:
            await anyio.wait_readable(listener)
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                continue
            except OSError as error:
                log.warning("no client can be let in: %s", error.strerror)
                await anyio.sleep(FULL_SECONDS)
            else:
                client.setblocking(False)
                group.start_soon(self._shake_hands, client, name="TLS handshake")

    async def _shake_hands(self, client: socket.socket) -> None:
        guest = _Guest()
        with guest.scope:
            if not self._all.admit(guest):
                client.close()
                return
            patience = self._all.limits.head_timeout
            self._all.wait(guest, patience)
            try:
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: self._connect(guest),
                    client,
                    ssl=self._context,
                    ssl_handshake_timeout=2 * patience,
                )
            except OSError:  # it is gone, or speaks no TLS: errors of TLS are of this kind too
                return
            finally:
                self._all.forget(guest)


class _Guest:
    """A client that has connected and is to shake hands."""

    def __init__(self) -> None:
        self.held = 0
        self.known = False
        self.scope = anyio.CancelScope()

    def give_up(self) -> None:
        """It has had its time."""
        self.scope.cancel()

    def evict(self) -> None:
        """Another one needs its place."""
        self.scope.cancel()

    def shed(self) -> None:
        """It holds nothing of a body."""
