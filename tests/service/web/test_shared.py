"""A page is made once for all who ask for it at the same moment, and never for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import anyio
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from triphammer.service.access.scopes import Caller, admitted
from triphammer.service.hub import Hub, News
from triphammer.service.web.shared import MOMENT, MOST, PAUSE, Shared

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Counting:
    """Pages that say how many were made, before a client that says who it is by a header."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.now = 0.0
        self.made = 0
        self.status = 200
        self.parts = 1
        self.may_answer = anyio.Event()
        self.may_answer.set()
        self.shared = Shared(self.answer, self.hub, lambda: self.now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = Request(scope).headers.get("who", "somebody")
        await self.shared(admitted(scope, Caller(name=name, scopes=frozenset())), receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.made += 1
        text = f"page {self.made}"
        await self.may_answer.wait()
        if self.status == 500:
            raise ValueError("a defect")
        if self.parts > 1:

            async def parts() -> AsyncIterator[str]:
                for _ in range(self.parts):
                    yield text

            await StreamingResponse(parts())(scope, receive, send)
        else:
            await HTMLResponse(text, status_code=self.status)(scope, receive, send)

    async def get(self, path: str = "/", who: str = "somebody", method: str = "GET") -> str:
        transport = httpx.ASGITransport(self, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.request(method, path, headers={"who": who})
        return answer.text

    async def together(self, count: int) -> Sequence[str]:
        """What so many get who ask while the page is being made."""
        self.may_answer = anyio.Event()
        found: list[str] = []

        async def ask() -> None:
            found.append(await self.get())

        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            self.may_answer.set()
        return found


async def test_a_page_is_made_once_for_all_who_ask_meanwhile_and_for_a_moment() -> None:
    app = Counting()
    assert await app.together(50) == ["page 1"] * 50
    app.now = MOMENT
    assert await app.get() == "page 1"
    app.now = MOMENT + 0.01
    assert await app.get() == "page 2"


async def test_after_news_it_is_made_anew_also_for_those_who_ask_meanwhile() -> None:
    app = Counting()
    app.may_answer = anyio.Event()
    found: list[str] = []

    async def ask() -> None:
        found.append(await app.get())

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        app.hub.publish([News("run", "r")])
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        app.may_answer.set()
    assert sorted(found) == ["page 1", "page 2"]


@pytest.mark.parametrize("other", [{"path": "/?a=1"}, {"path": "/runs"}, {"who": "another"}])
async def test_others_get_pages_of_their_own(other: dict[str, str]) -> None:
    app = Counting()
    assert await app.get() == "page 1"
    assert await app.get(**other) == "page 2"
    assert await app.get() == "page 1"


@pytest.mark.parametrize("path", ["/api/v1/runs", "/static/a.js", "/metrics", "/readyz"])
async def test_what_is_no_page_is_not_shared(path: str) -> None:
    app = Counting()
    assert [await app.get(path) for _ in range(2)] == ["page 1", "page 2"]


async def test_who_changes_something_sees_it() -> None:
    app = Counting()
    assert await app.get() == "page 1"
    await app.get("/flows/f/pause", method="POST")
    assert await app.get() == "page 3"


async def test_a_page_that_is_being_made_during_a_change_is_not_given_to_others() -> None:
    app = Counting()
    app.may_answer = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(app.get, "/change", "somebody", "POST")
        await anyio.wait_all_tasks_blocked()
        group.start_soon(app.get)
        await anyio.wait_all_tasks_blocked()
        app.may_answer.set()
    assert await app.get() == "page 3"


@pytest.mark.parametrize("status", [404, 500])
async def test_what_failed_is_tried_by_each(status: int) -> None:
    app = Counting()
    app.status = status
    await app.together(3)
    assert app.made == 3
    app.status = 200
    assert await app.get() == "page 4"


async def test_what_comes_in_parts_is_made_for_each() -> None:
    app = Counting()
    app.parts = 3
    assert sorted(await app.together(2)) == ["page 1" * 3, "page 2" * 3]


@pytest.mark.parametrize("parts", [1, 3])
async def test_nobody_waits_for_a_client_that_takes_nothing(parts: int) -> None:
    app = Counting()
    app.parts = parts

    taken = anyio.Event()

    async def slowly(message: Message) -> None:
        if message["type"] == "http.response.body":
            await taken.wait()

    async def nothing() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    headers: list[tuple[bytes, bytes]] = []
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "query_string": b""}
    found = ""
    async with anyio.create_task_group() as group:
        group.start_soon(app, {**scope, "headers": headers}, nothing, slowly)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            found = await app.get()
        taken.set()
    assert found == ("page 1" if parts == 1 else "page 2" * 3)


async def test_the_more_consoles_are_open_the_less_often_each_is_to_look() -> None:
    app = Counting()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for open_ in (0, 1):
            with app.hub.listen():
                found = (await client.get("/")).headers["triphammer-pause"]
            assert found == str(PAUSE), open_


async def test_only_so_many_pages_are_kept() -> None:
    app = Counting()
    for number in range(2 * MOST):
        await app.get(f"/?n={number}")
    made = app.made
    await app.get(f"/?n={2 * MOST - 1}")
    assert app.made == made
    await app.get("/?n=0")
    assert app.made == made + 1
