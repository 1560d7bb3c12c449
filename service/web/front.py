"""What stands for the life of the process: answers also while the store is away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from triphammer.service.access.scopes import LOCAL, NOBODY, admitted
from triphammer.service.health import Health
from triphammer.service.metrics import Figures
from triphammer.service.web.assets import AssetFiles
from triphammer.service.web.faults import FaultPages
from triphammer.service.web.pages import Pages
from triphammer.service.web.probes import Probes
from triphammer.service.web.problems import problem

GRACE_SECONDS = 3
"""How long the open requests of an application that is taken away may go on."""
RETRY_AFTER = "1"


class Front:
    """Hands each request to the application of the open store, or answers 503 without one.

    The probes answer always: `/livez` 200, `/readyz` 503 with the reason. Where tokens are asked
    for, reasons are not told while the store that has the tokens is away. `counted` are the figures
    that need no store.
    """

    def __init__(
        self,
        health: Health,
        *,
        open: bool = True,
        counted: Callable[[], Sequence[Figures]] = tuple,
    ) -> None:
        self._health = health
        self._caller = LOCAL if open else NOBODY
        self._inside: _Inside | None = None
        self._counted = counted
        routes = [*Probes(health, self._figures).routes(), Mount("/static", AssetFiles())]
        pages = Pages(health, guarded=False, mask=str)
        self._away = FaultPages(Router(routes, default=self._unavailable), pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if self._inside is not None:
            await self._inside(scope, receive, send)
        else:
            await self._away(admitted(scope, self._caller), receive, send)

    @asynccontextmanager
    async def serving(self, app: ASGIApp) -> AsyncGenerator[None]:
        """Hand requests to `app`; at the end wait for those that are open, for a while."""
        inside = self._inside = _Inside(app)
        try:
            yield
        finally:
            self._inside = None
            with anyio.move_on_after(GRACE_SECONDS, shield=True):
                await inside.wait_quiet()

    async def _figures(self) -> Sequence[Figures]:
        return self._counted()

    async def _unavailable(self, scope: Scope, receive: Receive, send: Send) -> None:
        reasons = [
            f"{part.name}: {part.reason}"
            for part in self._health.parts().values()
            if part.essential and part.reason is not None and self._caller.may("read")
        ]
        detail = "; ".join(reasons) or "the daemon is starting"
        answer = problem(503, f"{detail}; try again later", headers={"Retry-After": RETRY_AFTER})
        await answer(scope, receive, send)


class _Inside:
    """One application, and how many of its requests are open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0
        self._quieter = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            if not self._open:
                self._quieter.set()
                self._quieter = anyio.Event()

    async def wait_quiet(self) -> None:
        """Return once no request is open."""
        while self._open:
            await self._quieter.wait()
