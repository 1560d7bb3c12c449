"""ETags: an answer that the client has is not sent again, and nothing else is held back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.service.web.test_openapi import an_application
from triphammer.service.web.fresh import MOST, Fresh

pytestmark = pytest.mark.anyio
STOCK = "/api/v1/stock"
OWN = '"mine"'


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


def asking(stock: list[int]) -> httpx.AsyncClient:
    """A client of an application that tells of `stock`, and answers in every way there is."""

    async def answer(request: Request) -> Response:
        match request.path_params["name"]:
            case "stock":
                return JSONResponse(stock)
            case "page":
                return HTMLResponse(f"{stock}", headers={"Content-Security-Policy": "sandbox"})
            case "own":
                return JSONResponse(stock, headers={"ETag": OWN, "Cache-Control": "max-age=60"})
            case "large":
                return Response(b"x" * (MOST + 1))
            case "streamed":
                return StreamingResponse(pieces())
            case "empty":
                return Response()
            case _:
                return JSONResponse({"status": 404}, status_code=404)

    routes = [Route("/api/v1/{name}", answer, methods=["GET", "POST"]), Route("/{name}", answer)]
    transport = httpx.ASGITransport(Fresh(Starlette(routes=routes)))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_what_has_not_changed_is_not_sent_again() -> None:
    stock = [1]
    async with asking(stock) as client:
        first = await client.get(STOCK)
        tag = first.headers["etag"]
        assert (first.json(), tag[:3]) == ([1], 'W/"')
        assert "cache-control" not in first.headers  # `Sealed` forbids to store it
        for has in (tag, tag.removeprefix("W/"), f'"x", {tag}, "y"', "*"):
            again = await client.get(STOCK, headers={"If-None-Match": has})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            assert not {"content-type", "content-length"} & again.headers.keys()
        assert (await client.head(STOCK, headers={"If-None-Match": tag})).status_code == 304
        stock.append(2)
        changed = await client.get(STOCK, headers={"If-None-Match": tag})
        assert (changed.status_code, changed.json()) == (200, [1, 2])
        assert changed.headers["etag"] != tag


@pytest.mark.parametrize("has", ["", "x", '"', 'W/""', '"mine2"', 'W/mine"', "**"])
async def test_what_names_another_answer_or_none_is_answered(has: str) -> None:
    async with asking([1]) as client:
        answer = await client.get("/api/v1/own", headers={"If-None-Match": has})
        assert (answer.status_code, answer.json()) == (200, [1])


async def test_a_page_keeps_its_policy() -> None:
    async with asking([1]) as client:
        page = await client.get("/page")
        had = await client.get("/page", headers={"If-None-Match": page.headers["etag"]})
        assert (had.status_code, had.headers["content-security-policy"]) == (304, "sandbox")


async def test_an_answer_with_a_tag_of_its_own_keeps_it() -> None:
    async with asking([1]) as client:
        answer = await client.get("/api/v1/own")
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (OWN, "max-age=60")
        had = await client.get("/api/v1/own", headers={"If-None-Match": f"W/{OWN}"})
        assert (had.status_code, had.headers["cache-control"]) == (304, "max-age=60")


@pytest.mark.parametrize("name", ["large", "streamed", "empty", "missing"])
async def test_the_rest_is_passed_on_as_it_is(name: str) -> None:
    async with asking([1]) as client:
        answer = await client.get(f"/api/v1/{name}", headers={"If-None-Match": "*"})
        assert answer.status_code == (404 if name == "missing" else 200)
        assert "etag" not in answer.headers
        assert len(answer.content) == {"large": MOST + 1, "streamed": 6, "empty": 0}.get(name, 14)


async def test_only_reads_have_tags() -> None:
    async with asking([1]) as client:
        done = await client.post(STOCK, headers={"If-None-Match": "*"})
        assert (done.status_code, "etag" in done.headers) == (200, False)


@given(one=st.lists(st.integers()), other=st.lists(st.integers()))
def test_two_answers_have_one_tag_only_if_they_are_one(one: list[int], other: list[int]) -> None:
    async def tags() -> list[str]:
        async with asking(one) as first, asking(other) as second:
            return [(await client.get(STOCK)).headers["etag"] for client in (first, second)]

    first, second = anyio.run(tags)
    assert (first == second) == (one == other)


def test_every_read_is_documented_with_it() -> None:
    for path, methods in an_application().openapi()["paths"].items():
        for method, operation in methods.items():
            told = {"$ref": "#/components/parameters/If-None-Match"} in operation.get(
                "parameters", ()
            )
            has = method == "get" and path != "/api/v1/stream"
            assert (told, "304" in operation["responses"]) == (has, has), (method, path)
