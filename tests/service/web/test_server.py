"""The web server on a real port, with and without TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest

from tests.service.web.wire import LIMITS, App, settle
from triphammer.service.web.connections import ConnectionLimits, Connections
from triphammer.service.web.server import WebServer, listen
from triphammer.service.web.tls import Tls

PEM = Path(__file__).parents[2] / "support" / "loopback.pem"
SILENT = 200

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("secure", [False, True], ids=["HTTP", "HTTPS"]),
]


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class Served:
    """A server with its limits, and the time that its connections go by."""

    def __init__(self, secure: bool, limits: ConnectionLimits) -> None:
        self.time = 0.0
        self.app = App()
        self.connections = Connections(limits, lambda: self.time)
        self._listener = listen("127.0.0.1", 0)
        self.place = self._listener.getsockname()
        self._secure = secure
        tls = Tls(PEM, PEM).context if secure else None
        self.web = WebServer(self.app, self._listener, tls=tls, connections=self.connections)

    def client(self) -> httpx.AsyncClient:
        """A client that means well."""
        url = f"http{'s' if self._secure else ''}://127.0.0.1:{self.place[1]}"
        trusting = ssl.create_default_context(cafile=PEM)
        return httpx.AsyncClient(base_url=url, verify=trusting, trust_env=False)

    @property
    def open(self) -> float:
        return self.connections.figures()[0].samples[0][1]


@asynccontextmanager
async def serving(secure: bool, limits: ConnectionLimits = LIMITS) -> AsyncGenerator[Served]:
    served = Served(secure, limits)
    async with anyio.create_task_group() as group:
        await group.start(served.web.run)
        try:
            yield served
        finally:
            await served.web.stop()
    assert served.open == 0


@contextmanager
def silent(served: Served, count: int) -> Generator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(served.place)) for _ in range(count)]


async def test_requests_are_answered_on_one_connection(secure: bool) -> None:
    async with serving(secure) as served, served.client() as client:
        for size in (0, 1, 5000):
            answer = await client.post("/a", content=b"x" * size)
            assert (answer.status_code, answer.text) == (200, "/a")
        assert [len(seen.body) for seen in served.app.seen] == [0, 1, 5000]
        assert served.open == 1


async def test_those_who_say_nothing_take_each_others_places(secure: bool) -> None:
    async with serving(secure) as served, served.client() as client:
        assert (await client.get("/a")).status_code == 200
        before = descriptors()
        with silent(served, SILENT):
            for _ in range(5):
                assert (await client.get("/a")).status_code == 200
                assert served.open <= LIMITS.connections
            await settle()
            assert descriptors() - before < SILENT + SILENT // 10


async def test_who_says_nothing_is_closed_in_time(secure: bool) -> None:
    async with serving(secure) as served, served.client() as client:
        with silent(served, 1) as [quiet]:
            assert (await client.get("/a")).status_code == 200
            served.time += LIMITS.head_timeout
            assert await anyio.to_thread.run_sync(rest, quiet) == b""


async def test_who_speaks_another_protocol_is_told_or_closed(secure: bool) -> None:
    async with serving(secure) as served:
        with silent(served, 1) as [odd]:
            odd.sendall(b"nonsense\r\n\r\n")
            came = await anyio.to_thread.run_sync(rest, odd)
            assert came.startswith(b"HTTP/1.1 400") != secure


async def test_a_refusal_is_read_by_who_still_sends(secure: bool) -> None:
    async with serving(secure) as served, served.client() as client:
        answer = await client.post("/" + "x" * 10_000, content=b"x" * 1_000_000)
        assert answer.status_code == 414
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_stop_waits_for_nobody_who_says_nothing(secure: bool) -> None:
    async with serving(secure) as served:
        with silent(served, 2) as quiet:
            quiet[0].sendall(b"GET ")
            await served.web.stop()


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def rest(member: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    came = b""
    while chunk := member.recv(65536):
        came += chunk
    return came
