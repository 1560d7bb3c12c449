"""`/sensors`: what watches for events, how far each has come, and the form that pauses one."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.service.access.scopes import caller_of
from triphammer.service.errors import NotFound
from triphammer.service.operations import Operations
from triphammer.service.web import looking_models as models
from triphammer.service.web.overview import Overview
from triphammer.service.web.pages import Pages

HOME = "/sensors"


class SensorPages:
    """The list of sensors, and one of them."""

    def __init__(self, overview: Overview, operations: Operations, pages: Pages) -> None:
        self._overview = overview
        self._operations = operations
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route(HOME, self.sensors),
            Route(f"{HOME}/{{id:path}}", self.sensor),
            Route(f"{HOME}/{{id:path}}/pause", self.pause_sensor, methods=["POST"]),
            Route(f"{HOME}/{{id:path}}/resume", self.resume_sensor, methods=["POST"]),
        ]

    async def sensors(self, request: Request) -> Response:
        """All sensors, those that need somebody first."""
        found = (await self._overview.sensors())["items"]
        return self._pages.page(
            "sensors.html",
            sensors=sorted(found, key=lambda sensor: ORDER.index(state_of(sensor))),
            state_of=state_of,
            address_of=address_of,
            operates=caller_of(request.scope).may("operate"),
        )

    async def sensor(self, request: Request) -> Response:
        """One sensor: its position, what it has brought, what is wrong with it."""
        try:
            sensor = await self._overview.sensor(request.path_params["id"])
        except NotFound as error:
            return self._pages.missing(error)
        return self._pages.page(
            "sensor.html",
            sensor=sensor,
            state=state_of(sensor),
            address=address_of(sensor["id"]),
            operates=caller_of(request.scope).may("operate"),
        )

    async def pause_sensor(self, request: Request) -> Response:
        """Let a sensor take nothing until it is resumed."""
        id = request.path_params["id"]
        try:
            await self._operations.pause_sensor(id)
        except NotFound as error:
            return self._pages.missing(error)
        return RedirectResponse(address_of(id), status_code=303)

    async def resume_sensor(self, request: Request) -> Response:
        """Let a paused sensor go on where it was."""
        id = request.path_params["id"]
        try:
            await self._operations.resume_sensor(id)
        except NotFound as error:
            return self._pages.missing(error)
        return RedirectResponse(address_of(id), status_code=303)


def address_of(id: str) -> str:
    """The address of a sensor's page: ids name folders and schedules."""
    return f"{HOME}/{quote(id, safe='/:')}"


ORDER = ("broken", "paused", "works")


def state_of(sensor: models.Sensor) -> str:
    """How a sensor stands, in one word."""
    if sensor["paused"]:
        return "paused"
    return "works" if sensor["reason"] is None else "broken"
