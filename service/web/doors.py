"""The two doors for events: webhooks and posted CloudEvents. Plain ASGI, for speed.

Routing, request and response objects of the frameworks cost more than all that triphammer
does with an event, so these two paths do not go through them.
"""

from __future__ import annotations

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from triphammer.config.clock import Clock
from triphammer.config.errors import TriphammerError
from triphammer.sensors.bodies import JSON, media_type
from triphammer.sensors.cloudevents import from_http
from triphammer.sensors.headers import Headers
from triphammer.sensors.json_text import decode_json
from triphammer.sensors.tracing import within
from triphammer.sensors.webhook.request import Challenge, HookRequest
from triphammer.service.operations import Operations
from triphammer.service.web import models, views
from triphammer.service.web.body import read_body, replayed
from triphammer.service.web.problems import problem, problem_of
from triphammer.service.web.seen import seen_of

Json = models.Accepted | models.AcceptedEvents
HOOKS = "/hooks/"
EVENTS = "/api/v1/events"
HOOK_ROUTE = HOOKS + "{path}"
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Doors:
    """`POST /hooks/{path}` and `POST /api/v1/events`: 202 after the commit.

    Every other request goes on to `inner`, its body bounded like theirs.
    """

    def __init__(
        self, inner: ASGIApp, operations: Operations, clock: Clock, body_limit: int
    ) -> None:
        self._inner = inner
        self._operations = operations
        self._clock = clock
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        path: str = scope.get("path", "")
        if path.startswith(HOOKS):
            seen_of(scope).route = HOOK_ROUTE
            answer = await self._hook(scope, receive)
        elif path == EVENTS and scope["method"] == "POST":
            seen_of(scope).route = EVENTS
            answer = await self._events(scope, receive)
        elif path == EVENTS and scope["method"] != "GET":
            seen_of(scope).route = EVENTS
            answer = problem(405, "events are posted, or read", headers={"Allow": "GET, POST"})
        elif scope["method"] in BODILESS:
            await self._inner(scope, receive, send)
            return
        else:
            await self._pass_on(scope, receive, send)
            return
        await _answer(answer, scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request with a body on, once the body has been found to be harmless: the
        frameworks take one of any size, and JSON of any depth."""
        headers = Headers.of_asgi(scope["headers"])
        try:
            body = await read_body(headers, receive, self._limit)
            if media_type(headers.get("content-type", JSON)).is_json and body:
                decode_json(body)
        except TriphammerError as error:
            await problem_of(error)(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            await self._inner(scope, replayed(body, receive), send)

    async def _hook(self, scope: Scope, receive: Receive) -> Response | Json:
        """A delivery to a webhook."""
        if scope["method"] != "POST":
            return problem(405, "a webhook takes POST only", headers={"Allow": "POST"})
        headers = Headers.of_asgi(scope["headers"])
        path = scope["path"][len(HOOKS) :]
        try:
            body = await read_body(headers, receive, self._limit)
            request = HookRequest(
                path=path,
                headers=headers,
                body=body,
                query=scope["query_string"].decode("latin-1"),
                received_at=self._clock.now(),
            )
            accepted = await self._operations.receive(path, request)
        except TriphammerError as error:
            self._operations.turned_away("webhook")
            return problem_of(error)
        except ClientDisconnect:
            return Response(status_code=400)
        if isinstance(accepted, Challenge):
            return PlainTextResponse(accepted.text)
        return views.accepted(accepted)

    async def _events(self, scope: Scope, receive: Receive) -> Response | Json:
        """CloudEvents 1.0 over HTTP: binary, structured or batch."""
        headers = Headers.of_asgi(scope["headers"])
        try:
            body = await read_body(headers, receive, self._limit)
            found = from_http(headers, body, now=self._clock.now())
            events = [within(event, headers) for event in found]
            accepted = await self._operations.post(events)
        except TriphammerError as error:
            self._operations.turned_away("events")
            return problem_of(error)
        except ClientDisconnect:
            return Response(status_code=400)
        return {"events": [views.accepted(item) for item in accepted]}


async def _answer(answer: Response | Json, scope: Scope, receive: Receive, send: Send) -> None:
    if isinstance(answer, Response):
        await answer(scope, receive, send)
        return
    body = msgspec.json.encode(answer)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": body})
