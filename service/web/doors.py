"""The two doors for events: webhooks and posted CloudEvents. Plain Starlette, for speed."""

from __future__ import annotations

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.config.clock import Clock
from triphammer.config.errors import TriphammerError
from triphammer.sensors.cloudevents import from_http
from triphammer.sensors.headers import Headers
from triphammer.sensors.webhook.request import Challenge, HookRequest
from triphammer.service.operations import Operations
from triphammer.service.web import views
from triphammer.service.web.body import read_body
from triphammer.service.web.problems import problem_of


class Doors:
    """`POST /hooks/{path}` and `POST /api/v1/events`: 202 after the commit."""

    def __init__(self, operations: Operations, clock: Clock, body_limit: int) -> None:
        self._operations = operations
        self._clock = clock
        self._limit = body_limit

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/hooks/{path:path}", self.hook, methods=["POST"]),
            Route("/api/v1/events", self.events, methods=["POST"]),
        ]

    async def hook(self, request: Request) -> Response:
        """A delivery to a webhook."""
        path = request.path_params["path"]
        try:
            body = await read_body(request, self._limit)
            accepted = await self._operations.receive(path, self._record(request, path, body))
        except TriphammerError as error:
            return problem_of(error)
        except ClientDisconnect:
            return Response(status_code=400)
        if isinstance(accepted, Challenge):
            return Response(accepted.text, media_type="text/plain")
        return _answer(views.accepted(accepted))

    async def events(self, request: Request) -> Response:
        """CloudEvents 1.0 over HTTP: binary, structured or batch."""
        try:
            body = await read_body(request, self._limit)
            events = from_http(Headers(request.headers.items()), body, now=self._clock.now())
            accepted = await self._operations.post(events)
        except TriphammerError as error:
            return problem_of(error)
        except ClientDisconnect:
            return Response(status_code=400)
        return _answer({"events": [views.accepted(item) for item in accepted]})

    def _record(self, request: Request, path: str, body: bytes) -> HookRequest:
        return HookRequest(
            method=request.method,
            path=path,
            headers=Headers(request.headers.items()),
            body=body,
            query=request.url.query,
            received_at=self._clock.now(),
        )


def _answer(body: views.Json) -> Response:
    return Response(msgspec.json.encode(body), status_code=202, media_type="application/json")
