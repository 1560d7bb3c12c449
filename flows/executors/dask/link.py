"""The connection to a Dask scheduler: held open, opened again, and what is asked over it.

The future of each attempt is published with the scheduler under the attempt's key, so that it
is kept while nobody is connected, and found again by the next daemon.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskStatus

from triphammer.flows.errors import FlowError
from triphammer.flows.executors.dask.far import carry_out

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
CLOSE_SECONDS = 5.0
PAUSE_SECONDS = 1.0
"""Between two tries to connect."""


class DaskConnection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[connections.dask]`: the scheduler's address, and PEM files where it speaks TLS."""

    address: str
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> DaskConnection:
        """The connection that a table of the settings describes. Raises `FlowError`."""
        try:
            found = msgspec.convert(table, cls)
        except msgspec.ValidationError as error:
            raise FlowError(f"[connections.dask] in triphammer.toml: {error}") from error
        if not re.match(r"[a-z+]+://.", found.address):
            raise FlowError(
                f"[connections.dask] in triphammer.toml: address = {found.address!r} must be "
                'such as "tcp://scheduler:8786" or "tls://scheduler:8786"'
            )
        for file in (found.ssl_cafile, found.ssl_certfile, found.ssl_keyfile):
            if file is not None and not Path(file).is_file():
                raise FlowError(f"[connections.dask] in triphammer.toml: there is no file {file}")
        return found

    def security(self, dask: Any) -> Any:
        """What distributed takes for TLS; None: plain TCP."""
        if self.ssl_cafile is None:
            return None
        return dask.Security(
            tls_ca_file=self.ssl_cafile,
            tls_client_cert=self.ssl_certfile,
            tls_client_key=self.ssl_keyfile,
            require_encryption=True,
        )


class Link:
    """A client of the scheduler on our loop. `ready` is told whether there is a connection,
    `news` of what the workers tell under `topic`; `leaving` may say its last words when the
    link ends for good."""

    def __init__(
        self,
        connection: DaskConnection,
        topic: str,
        *,
        ready: Callable[[str | None], None],
        news: Callable[[Any], None],
        leaving: Callable[[Any], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._ready = ready
        self._news = news
        self._leaving = leaving
        self._dask: Any = None
        self._client: Any = None
        self._connected = anyio.Event()
        self._lost = anyio.Event()

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """What is raised when the connection or what is known over it is lost."""
        dask = self._dask
        return (OSError, TimeoutError, dask.CancelledError, dask.core.CommClosedError)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Keep a connection until cancelled."""
        task_status.started()
        self._dask = await anyio.to_thread.run_sync(import_module, "distributed")
        while True:
            try:
                await self._hold()
            # Seam to Dask: whatever keeps it from connecting is told, and tried again.
            except Exception as error:  # noqa: BLE001
                at = self._connection.address
                self._ready(f"the Dask scheduler at {at} cannot be reached: {error}")
            await anyio.sleep(PAUSE_SECONDS)

    async def _hold(self) -> None:
        client = self._dask.Client(
            self._connection.address,
            asynchronous=True,
            set_as_default=False,
            name="triphammer",
            timeout=CONNECT_SECONDS,
            security=self._connection.security(self._dask),
        )
        try:
            await client
            client.subscribe_topic(self._topic, self._heard)
            self._client, self._lost = client, anyio.Event()
            self._ready(None)
            self._connected.set()
            await self._lost.wait()
        except anyio.get_cancelled_exc_class():
            if self._client is not client:
                raise
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._leaving(client)
            raise
        finally:
            self.doubt(client)
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await client.close()

    def _heard(self, event: tuple[float, Any]) -> None:
        self._news(event[1])

    def doubt(self, client: Any) -> None:
        """Something failed with `client`: connect anew."""
        if client is self._client:
            self._client, self._connected = None, anyio.Event()
            self._lost.set()

    def holds(self, client: Any) -> bool:
        """Whether `client` is connected still."""
        return client is self._client and client.status == "running"

    async def client(self) -> Any:
        """The client, once there is a connection."""
        while self._client is None:
            await self._connected.wait()
        return self._client

    # --- what is asked -----------------------------------------------------------------------

    async def find(self, client: Any, key: str) -> Any:
        """The published future of `key`; None when the scheduler has none."""
        with suppress(KeyError):
            return await client.get_dataset(key)
        return None

    async def submit(self, client: Any, key: str, payload: bytes) -> Any:
        """Begin what `payload` orders; its future, published."""
        await self._note(client, key).set(None, timeout=ANSWER_SECONDS)
        future = client.submit(carry_out, payload, key=key, pure=False, retries=0)
        await client.publish_dataset(future, name=key)
        return future

    async def begun(self, client: Any, key: str) -> int | None:
        """When the body began, as it noted itself; None when it has not."""
        with suppress(TimeoutError):
            noted: int | None = await self._note(client, key).get(timeout=ANSWER_SECONDS)
            return noted
        return None

    async def forget(self, client: Any, key: str, *, cancel: bool = False) -> None:
        """Let the scheduler forget `key`; with `cancel` also what has not begun yet."""
        future = await self.find(client, key)
        if cancel and future is not None:
            await client.cancel([future], force=True)
        with suppress(KeyError):
            await client.unpublish_dataset(key)
        self._note(client, key).delete()

    async def published(self, client: Any, prefix: str) -> list[str]:
        """The keys that begin with `prefix`."""
        return [key for key in await client.list_datasets() if str(key).startswith(prefix)]

    def _note(self, client: Any, key: str) -> Any:
        return self._dask.Variable(key, client=client)
