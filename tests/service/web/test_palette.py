"""The palette's endpoint: what fits first, nothing without bound."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from triphammer.service.access.scopes import LOCAL, Caller, admitted, granted
from triphammer.service.web.console.palette import MOST_FLOWS, Palette

pytestmark = pytest.mark.anyio


class NoIds:
    """A store in which nothing is found."""

    async def find(self, prefix: str) -> list[str]:
        return []


class Names:
    """What the palette reads of `Reading`."""

    store = NoIds()

    def __init__(self, *names: str) -> None:
        self.flow_names = names


def an_app(reading: Any, caller: Caller = LOCAL) -> ASGIApp:
    inner = Starlette(routes=Palette(reading).routes())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(admitted(scope, caller), receive, send)

    return app


async def found(text: str, *names: str, caller: Caller = LOCAL) -> list[dict[str, str]]:
    app = an_app(Names(*names), caller)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get("/palette", params={"q": text})
        items: list[dict[str, str]] = answer.json()["items"]
        return items


async def test_flows_that_begin_with_the_text_come_first() -> None:
    items = await found("ord", "reorder", "orders", "words")
    assert [item["title"] for item in items if item["kind"] == "Flow"] == [
        "orders",
        "reorder",
        "words",
    ]


async def test_however_many_flows_fit_few_are_told() -> None:
    items = await found("flow", *(f"flow_{n}" for n in range(1000)))
    assert sum(item["kind"] == "Flow" for item in items) == MOST_FLOWS


async def test_a_flow_alone_brings_its_failed_runs() -> None:
    items = await found("a/b", "a/b c")
    assert [item["href"] for item in items[:2]] == [
        "/flows/a%2Fb%20c",
        "/runs?flow=a%2Fb+c&state=failed",
    ]


async def test_pages_are_found_in_any_case_and_all_of_them_without_a_text() -> None:
    assert "/outbox" in {item["href"] for item in await found("OUTBOX")}
    assert {"/", "/flows", "/runs", "/events", "/docs"} <= {i["href"] for i in await found("")}


@pytest.mark.parametrize("scope", ["read", "admin"])
async def test_pages_that_one_may_not_see_are_no_places_to_go(scope: str) -> None:
    caller = Caller(name="somebody", scopes=granted([scope]))
    told = {item["href"] for item in await found("", caller=caller)}
    assert "/health" in told
    assert told.issuperset({"/settings", "/tokens", "/audit"}) is (scope == "admin")
    assert told.isdisjoint({"/settings", "/tokens", "/audit"}) is (scope == "read")


async def test_what_fits_nothing_is_searched_as_a_type() -> None:
    (item,) = await found("my.type & more")
    assert item["href"] == "/events?type=my.type+%26+more"


async def test_an_id_that_there_is_not_finds_nothing() -> None:
    assert await found("run_0123") == []


class OneMessage(NoIds):
    """A store that has a message."""

    async def find(self, prefix: str) -> list[str]:
        return [prefix]

    async def message(self, id: str) -> Any:
        return SimpleNamespace(run="run_1", message=SimpleNamespace(task="notify"))


async def test_a_message_leads_to_its_own_page() -> None:
    reading: Any = Names()
    reading.store = OneMessage()
    transport = httpx.ASGITransport(app=an_app(reading))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        (item,) = (await client.get("/palette?q=msg_01")).json()["items"]
    assert (item["href"], item["note"]) == ("/outbox/msg_01", "sent by notify")
