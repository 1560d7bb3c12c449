"""What becomes of requests is noted: by the route that took them, not by what clients write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from inspect import signature
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from tests.service.telemetry.exposition import read
from tests.service.web.test_openapi import an_application
from triphammer.service.metrics import render
from triphammer.service.telemetry.names import OTHER
from triphammer.service.telemetry.requests import Requests
from triphammer.service.web.console.console import Console
from triphammer.service.web.seen import CUT_OFF, UNMATCHED, Routed, Seen, Watched, paths_of

pytestmark = pytest.mark.anyio
nothing: Any = None


class Page:
    """An endpoint that is a method, as those of the console are."""

    async def show(self, _: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    async def live(self, _: Any) -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            yield b"data: 22\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")


def an_app() -> FastAPI:
    router = APIRouter(prefix="/api")

    @router.get("/runs/{id}")
    async def show_run(id: str) -> str:
        return id

    async def copied(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("file")(scope, receive, send)

    app = FastAPI(openapi_url=None)
    app.include_router(router)
    page = Page()
    app.router.routes += [
        Route("/pages/{name:path}", page.show),
        Route("/live", page.live),
        Mount("/static", copied),
    ]
    return app


class Told:
    """Clients of an application that is watched."""

    def __init__(self) -> None:
        app = an_app()
        self.seen: list[Seen] = []
        self._time = 0.0
        self._app = Watched(Routed(app, app.routes), self._clock, [self.seen.append])

    def _clock(self) -> float:
        self._time += 0.25
        return self._time

    async def ask(self, method: str, path: str) -> Seen:
        transport = httpx.ASGITransport(self._app, client=("10.0.0.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            await client.request(method, path)
        return self.seen[-1]


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/api/runs/run_1", "/api/runs/{id}", 200),
        ("POST", "/api/runs/run_1", "/api/runs/{id}", 405),
        ("GET", "/pages/a/b%20c", "/pages/{name:path}", 200),
        ("GET", "/static/x.css", "/static/{path}", 200),
        ("GET", "/%7Bid%7D/nothing", UNMATCHED, 404),
        ("GET", "/api/runs/a/b/c", UNMATCHED, 404),
    ],
)
async def test_the_route_that_took_it(method: str, path: str, route: str, status: int) -> None:
    seen = await Told().ask(method, path)
    assert (seen.route, seen.status, seen.method) == (route, status, method)
    assert (seen.client, seen.who, seen.seconds) == ("10.0.0.9", "", 0.25)


async def test_what_was_sent_is_counted_and_a_stream_is_known() -> None:
    told = Told()
    page, live = await told.ask("GET", "/pages/a"), await told.ask("GET", "/live")
    assert (page.sent, page.stream) == (4, False)
    assert (live.sent, live.stream) == (19, True)


async def test_an_answer_that_never_began() -> None:
    seen: list[Seen] = []

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise OSError("gone")

    watched = Watched(broken, lambda: 0.0, [seen.append])
    with pytest.raises(OSError, match="gone"):
        await watched(
            {"type": "http", "method": "GET", "path": "/", "headers": []}, nothing, nothing
        )
    assert [one.status for one in seen] == [CUT_OFF]


def test_every_route_of_the_daemon_is_known() -> None:
    app = an_application()
    paths = paths_of(app.routes)
    for context in iter_route_contexts(app.routes):
        assert paths[context.endpoint] == context.path
    parts: dict[str, Any] = dict.fromkeys(signature(Console).parameters)
    console: list[Any] = list(Console(**parts).routes())
    known = paths_of(console).values()
    assert "/static/{path}" in known
    assert {route.path for route in console if isinstance(route, Route)} <= set(known)


def test_what_clients_choose_makes_no_series() -> None:
    requests = Requests()
    for number in range(1000):
        one = Seen({"method": f"M{number}", "path": f"/{number}"})
        one.status = 400 + number % 100
        requests.answered(one)
    live = Seen({"method": "GET", "path": "/live"})
    live.status, live.stream = 200, True
    requests.answered(live)
    found = read(render(requests.read()))
    counted = found["triphammer_http_requests_total"]
    assert counted.values("method") == {OTHER, "GET"}
    assert counted.values("status") == {"4xx", "2xx"}
    assert found["triphammer_http_request_duration_seconds"].values("route") == {UNMATCHED}
