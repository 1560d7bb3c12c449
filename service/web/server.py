"""uvicorn as one of the daemon's parts: no signal handling of its own, a stop that ends, limits."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import anyio
import uvicorn
from anyio.abc import TaskGroup, TaskStatus

from triphammer.service.errors import CannotServe
from triphammer.service.web.connection import Connection
from triphammer.service.web.connections import Connections, Member
from triphammer.service.web.handshakes import Handshakes

GRACE_SECONDS = 3
"""How long open requests may go on after the stop; streams are ended by the hub before."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `CannotServe` naming the address and what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what uses the port, "
            "or choose another with --port or [server] port"
        ) from error
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its polling: the daemon decides when to stop."""

    group: TaskGroup
    """Where clients are let in by TLS."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections
        self.listening = anyio.Event()
        self.stopping = anyio.Event()
        self._handshakes: Handshakes | None = None

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        loop, config = asyncio.get_running_loop(), self.config
        self.servers = []
        for listener in sockets or ():
            if config.ssl is None:
                self.servers.append(
                    await loop.create_server(
                        self._connection, sock=listener, backlog=config.backlog
                    )
                )
            else:
                self._handshakes = Handshakes(config.ssl, self._connections, self._connection)
                self.group.start_soon(self._handshakes.run, listener, name="TLS")
        self.started = True

    def _connection(self, before: Member | None = None) -> Connection:
        loop = asyncio.get_running_loop()
        return Connection(self.config, self.server_state, self._connections, loop, before)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._handshakes is not None:
            await self._handshakes.stop()
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        self.listening.set()
        # The tick keeps the Date header right and ends connections whose clients have had their
        # time; the stop is an event, not a poll.
        while not await self.on_tick(0):
            self._connections.sweep()
            with anyio.move_on_after(1):
                await self.stopping.wait()


def _always(context: ssl.SSLContext) -> Callable[..., ssl.SSLContext]:
    """uvicorn would read the files itself, once and for all."""

    def made(*_: object) -> ssl.SSLContext:
        return context

    return made


class WebServer:
    """Serves an ASGI application on a socket until cancelled or asked to stop."""

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        *,
        tls: ssl.SSLContext | None,
        connections: Connections,
    ) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            http="httptools",
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_context_factory=None if tls is None else _always(tls),
            server_header=False,
            # The guard judges whether a proxy's word is taken for who the client is.
            proxy_headers=False,
        )
        self._server = _Server(config, connections)
        self._listener = listener
        self._ended = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Serve until `stop`; started once connections are taken."""
        async with anyio.create_task_group() as group:
            self._server.group = group
            group.start_soon(self._serve, name="web server")
            await self._server.listening.wait()
            task_status.started()

    async def _serve(self) -> None:
        try:
            await self._server.serve([self._listener])
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Take no more connections; return once the open requests have been answered."""
        self._server.should_exit = True
        self._server.stopping.set()
        await self._ended.wait()
