"""`/health` and `/settings`: whether everything works, how large it has become, and what holds."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triphammer.config.durations import format_duration
from triphammer.service.access.scopes import caller_of
from triphammer.service.health import Health
from triphammer.service.supervisor import PAUSED
from triphammer.service.web import looking_models as models
from triphammer.service.web import views
from triphammer.service.web.overview import Overview
from triphammer.service.web.pages import Pages

UNTOUCHED = "default"
"""The origin of a setting that nobody has set."""


class HealthPages:
    """The parts, the store and the versions; the settings in force."""

    def __init__(self, overview: Overview, health: Health, pages: Pages) -> None:
        self._overview = overview
        self._health = health
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [Route("/health", self.health), Route("/settings", self.settings)]

    async def health(self, request: Request) -> Response:
        """Whether every part works, how large the store is, and which versions run."""
        store, settings = await self._overview.store_state(), self._overview.settings()
        parts = sorted(self._health.parts().values(), key=lambda p: (p.reason is None, p.name))
        return self._pages.page(
            "health.html",
            admin=caller_of(request.scope).may("admin"),
            parts=[(part, views.moment(part.since)) for part in parts],
            paused=PAUSED,
            store=store,
            kept={name: _told(value) for name, value in store["retention"].items()},
            settings=settings,
            versions={
                "triphammer": settings["version"],
                "Python": platform.python_version(),
                "SQLite": sqlite3.sqlite_version,
                "database schema": str(store["schema"]),
                "system": f"{platform.system()} {platform.machine()}",
            },
        )

    async def settings(self, request: Request) -> Response:
        """The settings in force by section; of all or of those that somebody has set."""
        found, changed = self._overview.settings(), request.query_params.get("show") == "set"
        items = [item for item in found["items"] if not changed or item["origin"] != UNTOUCHED]
        return self._pages.page(
            "settings.html",
            admin=caller_of(request.scope).may("admin"),
            settings=found,
            changed=changed,
            sections=_sections(items),
            untouched=UNTOUCHED,
        )


def _sections(items: Sequence[models.Setting]) -> Mapping[str, list[models.Setting]]:
    by_section = groupby(items, key=lambda item: item["key"].partition(".")[0])
    return {name: list(group) for name, group in by_section}


def _told(value: object) -> str:
    """For how long, or how many at most."""
    if value is None:
        return "no limit"
    if isinstance(value, float):
        return format_duration(timedelta(seconds=value))
    return f"{value:,}"
