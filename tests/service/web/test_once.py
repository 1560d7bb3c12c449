"""Idempotency keys: done once, answered as before; mistakes and failures are told apart."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from triphammer.service.access.scopes import Caller, admitted
from triphammer.service.web import once
from triphammer.service.web.once import LARGEST, MOST, NO_STORE, Once

pytestmark = pytest.mark.anyio
DO = "/api/v1/do"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Counting:
    """An application that counts what it does, before a client that says who it is by a header."""

    def __init__(self) -> None:
        self.done = 0
        self.status = 201
        self.headers: Mapping[str, str] = {}
        self.size = 0
        self.may_answer = anyio.Event()
        self.may_answer.set()
        self.once = Once(self.answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = Request(scope).headers.get("who", "somebody")
        await self.once(
            admitted(scope, Caller(name=name, scopes=frozenset(), token=name)), receive, send
        )

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        self.done += 1
        told = {"done": self.done, "body": body.decode(), "fill": "x" * self.size}
        await self.may_answer.wait()
        await self._answer(told)(scope, receive, send)

    def _answer(self, told: object) -> Response:
        return JSONResponse(told, status_code=self.status, headers=dict(self.headers))

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self, raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://test")


def keyed(key: str, **more: str) -> dict[str, str]:
    return {"Idempotency-Key": key, **more}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_is_asked_again_is_done_once_and_answered_as_before(method: str) -> None:
    app = Counting()
    async with app.client() as client:
        first = await client.request(method, DO, headers=keyed("k"))
        again = await client.request(method, DO, headers=keyed("k"))
        assert (app.done, first.status_code, again.status_code) == (1, 201, 201)
        assert first.content == again.content
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        await client.request(method, DO, headers=keyed("another"))
        await client.request(method, DO)
        await client.request(method, DO)
    assert app.done == 4


async def test_who_asks_again_too_early_waits_for_the_answer() -> None:
    app = Counting()
    app.may_answer = anyio.Event()
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await client.post(DO, headers=keyed("k")))

    async with app.client() as client, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert (app.done, answers) == (1, [])
        app.may_answer.set()
    assert [answer.json()["done"] for answer in answers] == [1, 1, 1]


async def test_the_same_key_with_another_request_is_a_mistake() -> None:
    app = Counting()
    async with app.client() as client:
        assert (await client.post(DO, content=b"1", headers=keyed("k"))).status_code == 201
        for path, body in ((DO, b"2"), (f"{DO}?dry=1", b"1")):
            other = await client.post(path, content=body, headers=keyed("k"))
            assert other.status_code == 422
            assert "make a new one for each" in other.json()["detail"]
        assert app.done == 1


async def test_keys_of_others_and_for_something_else_are_other_keys() -> None:
    app = Counting()
    async with app.client() as client:
        await client.post(DO, headers=keyed("k"))
        await client.post(DO, headers=keyed("k", who="another"))
        await client.post(f"{DO}/more", headers=keyed("k"))
        await client.put(DO, headers=keyed("k"))
    assert app.done == 4


@pytest.mark.parametrize("status", [400, 409, 422, 429, 500, 503])
async def test_what_failed_may_be_tried_again(status: int) -> None:
    app = Counting()
    async with app.client() as client:
        app.status = status
        assert (await client.post(DO, headers=keyed("k"))).status_code == status
        app.status = 200
        assert (await client.post(DO, headers=keyed("k"))).json()["done"] == 2


async def test_what_breaks_off_lets_the_next_one_try() -> None:
    app = Counting()
    app.may_answer = anyio.Event()
    async with app.client() as client:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.post(DO, headers=keyed("k")))
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        app.may_answer.set()
        assert (await client.post(DO, headers=keyed("k"))).json()["done"] == 2


async def test_secret_and_very_large_answers_are_not_kept() -> None:
    for headers, size in (({"Cache-Control": NO_STORE}, 0), ({}, LARGEST)):
        app = Counting()
        app.headers, app.size = headers, size
        async with app.client() as client:
            for number in (1, 2):
                assert (await client.post(DO, headers=keyed("k"))).json()["done"] == number


async def test_only_so_many_are_remembered_the_last_ones() -> None:
    app = Counting()
    async with app.client() as client:
        for number in range(MOST + 1):
            await client.post(DO, headers=keyed(str(number)))
        assert (await client.post(DO, headers=keyed("1"))).json()["done"] == 2
        assert (await client.post(DO, headers=keyed("0"))).json()["done"] == MOST + 2


async def test_pages_and_reads_have_no_keys() -> None:
    app = Counting()
    async with app.client() as client:
        for _ in range(2):
            await client.get(DO, headers=keyed("k"))
            await client.post("/flows/x/runs", headers=keyed("k"))
    assert app.done == 4
    assert once.KEY == "idempotency-key"
