"""The doors that pause a sensor and let it go on."""

from __future__ import annotations

from fastapi import APIRouter

from triphammer.service.operations import Operations
from triphammer.service.web import looking_models as models
from triphammer.service.web.answer import Answer
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.overview import Overview


def sensors_api(operations: Operations, overview: Overview) -> APIRouter:
    """The routes. Ids may have slashes in them: they name folders and paths."""
    router = APIRouter(prefix="/api/v1/sensors", tags=["daemon"], route_class=Route)

    @router.post("/{id:path}/pause", responses=problems(404))
    async def pause_sensor(id: str) -> Answer[models.Sensor]:
        """Let a sensor take nothing until it is resumed, over restarts and reloads. What happens
        meanwhile waits at its source: records and files stay where they are, webhooks answer 503,
        ticks are as missed as in a stop."""
        await operations.pause_sensor(id)
        return Answer(await overview.sensor(id))

    @router.post("/{id:path}/resume", responses=problems(404))
    async def resume_sensor(id: str) -> Answer[models.Sensor]:
        """Let a paused sensor go on where it was."""
        await operations.resume_sensor(id)
        return Answer(await overview.sensor(id))

    return router
