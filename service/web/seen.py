"""What becomes of each request, from its head to the end of its answer.

The outermost layer begins a note; whoever learns more of the request on its way adds to it.
Scopes are copied on the way, the note is one and the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from typing import Any, cast

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triphammer.config.trace_context import current_trace, trace_context

_KEY = "triphammer.seen"
UNMATCHED = "unmatched"
"""The route of what no route takes: what clients write is no label."""
CUT_OFF = 499
"""The status of a request whose client had gone before its answer began."""


class Seen:
    """One request. `client` is its address and `who` the name of its caller, where somebody has
    looked; `route` the path as the router has it. `status` is 0 before the answer begins."""

    __slots__ = (
        "client",
        "method",
        "path",
        "route",
        "seconds",
        "sent",
        "status",
        "stream",
        "trace",
        "who",
    )

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.client: str = (scope.get("client") or ("",))[0]
        self.who = ""
        self.route = UNMATCHED
        self.status = 0
        self.sent = 0
        self.stream = False
        self.seconds = 0.0
        self.trace = ""


def seen_of(scope: Scope) -> Seen:
    """The note of a request; one that nobody reads where no outermost layer has begun it."""
    found = cast("Seen | None", scope.get(_KEY))
    return Seen(scope) if found is None else found


class Watched:
    """Tells `told` of each request of `inner` once its answer has ended, or cannot come.

    Log lines on the way say which trace they are about, if the client says it; `traced`: each
    request without one gets an id of its own.
    """

    def __init__(
        self,
        inner: ASGIApp,
        clock: Callable[[], float],
        told: Sequence[Callable[[Seen], None]],
        *,
        traced: bool = False,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._told = told
        self._traced = traced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        seen = scope[_KEY] = Seen(scope)
        began = self._clock()
        seen.trace = _trace(scope) or (token_hex(16) if self._traced else "")
        token = current_trace.set(seen.trace)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.stream = _is_stream(message)
            else:
                seen.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._inner(scope, receive, noting)
        finally:
            seen.seconds = self._clock() - began
            seen.status = seen.status or CUT_OFF
            for told in self._told:
                told(seen)
            current_trace.reset(token)


def _trace(scope: Scope) -> str:
    """The id of the trace that a client works for, if it says so."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            found = trace_context(value.decode("latin-1"))
            return "" if found is None else found.trace
    return ""


def _is_stream(start: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )


class Routed:
    """Notes the route by which `inner` has taken a request.

    Only FastAPI's own routes stand in the scope: the others are known by their endpoints.
    """

    def __init__(self, inner: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._inner = inner
        self._paths = paths_of(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        seen = seen_of(scope)

        async def noting(message: Message) -> None:
            self._note(seen, scope)
            await send(message)

        try:
            await self._inner(scope, receive, noting)
        finally:
            self._note(seen, scope)

    def _note(self, seen: Seen, scope: Scope) -> None:
        seen.route = self._paths.get(scope.get("endpoint"), UNMATCHED)


def paths_of(routes: Sequence[BaseRoute]) -> Mapping[Any, str]:
    """The path, as the router has it, of every endpoint."""
    paths: dict[Any, str] = {
        context.endpoint: context.path or UNMATCHED
        for context in iter_route_contexts(routes)
        if context.endpoint is not None
    }
    mounts = [route for route in routes if isinstance(route, Mount)]
    return paths | {mount.app: f"{mount.path}/{{path}}" for mount in mounts}
