"""The front answers whether or not an application stands behind it."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import httpx
import pytest
from starlette.types import Receive, Scope, Send

from triphammer.service.health import Health
from triphammer.service.web.front import Front

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def health() -> Health:
    made = Health(lambda: 0)
    made.report("store", "the disk is full", essential=True)
    return made


class Inner:
    """An application that answers 200 once it may."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.may_answer = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inner"})


def client(front: Front) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://test")


async def test_without_an_application_it_says_why(health: Health) -> None:
    async with client(Front(health)) as asking:
        assert (await asking.get("/livez")).status_code == 200
        ready = await asking.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["parts"]["store"]["reason"] == "the disk is full"
        for answer in (await asking.post("/hooks/x"), await asking.get("/api/v1/runs")):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert "the disk is full" in answer.json()["detail"]


async def test_without_an_application_a_browser_gets_a_page_with_its_style(health: Health) -> None:
    async with client(Front(health)) as asking:
        page = await asking.get("/runs", headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert "the disk is full" in page.text
        assert (await asking.get("/static/console.css")).status_code == 200


async def test_where_tokens_are_asked_for_strangers_are_told_nothing(health: Health) -> None:
    async with client(Front(health, open=False)) as asking:
        ready = await asking.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]) == (503, {})
        answer = await asking.get("/api/v1/runs", headers={"Authorization": "Bearer x"})
        assert (answer.status_code, "disk" in answer.text) == (503, False)


async def test_open_requests_are_answered_before_the_application_goes(health: Health) -> None:
    front, inner = Front(health), Inner()
    answers: list[int] = []
    order: list[str] = []

    async def ask() -> None:
        answers.append((await asking.get("/")).status_code)
        order.append("answered")

    async with client(front) as asking, anyio.create_task_group() as group:
        async with front.serving(inner):
            group.start_soon(ask)
            await inner.asked.wait()
            group.start_soon(_later, [inner.may_answer])
        order.append("gone")
        assert (await asking.get("/")).status_code == 503
    assert answers == [200]
    assert order == ["answered", "gone"]


async def test_what_does_not_answer_does_not_hold_it_up(health: Health) -> None:
    front, inner = Front(health), Inner()
    async with client(front) as asking, anyio.create_task_group() as group:
        async with front.serving(inner):
            group.start_soon(asking.get, "/")
            await inner.asked.wait()
        assert (await asking.get("/")).status_code == 503
        group.cancel_scope.cancel()


async def _later(events: Sequence[anyio.Event]) -> None:
    for event in events:
        event.set()
