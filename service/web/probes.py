"""`/livez`, `/readyz` with reasons, `/metrics`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from triphammer.service.access.scopes import caller_of
from triphammer.service.health import Health
from triphammer.service.metrics import CONTENT_TYPE, Figures, render
from triphammer.service.telemetry.parts import part_figures
from triphammer.service.web import models, views


class Probes:
    """What watches the daemon from outside asks here. `figures` reads those of its parts."""

    def __init__(self, health: Health, figures: Callable[[], Awaitable[Sequence[Figures]]]) -> None:
        self._health = health
        self._figures = figures

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def livez(self, request: Request) -> Response:
        """200 while the service loop turns."""
        alive: models.Alive = {"status": "ok"}
        return JSONResponse(alive)

    async def readyz(self, request: Request) -> Response:
        """200 when every essential part works, else 503; each part with its reason for those who
        may read: reasons name folders, hosts and tasks."""
        told = self._health.parts().items() if caller_of(request.scope).may("read") else ()
        parts: dict[str, models.Part] = {
            name: {
                "ok": part.reason is None,
                "reason": part.reason,
                "since": views.moment(part.since),
                "restarts": part.failures,
                "essential": part.essential,
            }
            for name, part in sorted(told)
        }
        ready = self._health.ready
        body: models.Health = {"status": "ok" if ready else "unready", "parts": parts}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text format 0.0.4."""
        metrics = [*await self._figures(), *part_figures(self._health.parts().values())]
        return PlainTextResponse(render(metrics), media_type=CONTENT_TYPE)
