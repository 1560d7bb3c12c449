"""All pages of the console as the routes of one application."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import Mount, Route

from triphammer.config.clock import Clock
from triphammer.service.access.tokens import Tokens
from triphammer.service.backfills.backfills import Backfills
from triphammer.service.deadletters import DeadLetters
from triphammer.service.health import Health
from triphammer.service.operations import Operations
from triphammer.service.versions import Versions
from triphammer.service.web.assets import AssetFiles
from triphammer.service.web.console.audit import AuditPages
from triphammer.service.web.console.backfills import BackfillPages
from triphammer.service.web.console.deadletters import DeadLetterPages
from triphammer.service.web.console.events import EventPages
from triphammer.service.web.console.flow import FlowPage
from triphammer.service.web.console.flow_actions import FlowActions
from triphammer.service.web.console.flows import FlowsPage
from triphammer.service.web.console.health import HealthPages
from triphammer.service.web.console.now import NowPage
from triphammer.service.web.console.outbox import OutboxPages
from triphammer.service.web.console.palette import Palette
from triphammer.service.web.console.run import RunPages
from triphammer.service.web.console.run_compare import ComparePage
from triphammer.service.web.console.runs import RunsPage
from triphammer.service.web.console.sensors import SensorPages
from triphammer.service.web.console.tokens import TokenPages
from triphammer.service.web.console.versions import VersionPages
from triphammer.service.web.overview import Overview
from triphammer.service.web.pages import Pages
from triphammer.service.web.reading import Reading


class Console:
    """The pages at `/`, one module each."""

    def __init__(
        self,
        *,
        reading: Reading,
        overview: Overview,
        operations: Operations,
        health: Health,
        pages: Pages,
        letters: DeadLetters,
        tokens: Tokens,
        backfills: Backfills,
        versions: Versions,
        mask: Callable[[str], str],
        clock: Clock,
    ) -> None:
        flow = FlowPage(reading, pages, clock)
        self._pages = (
            NowPage(reading, overview, health, pages),
            FlowsPage(reading, pages),
            flow,
            FlowActions(reading, operations, flow),
            VersionPages(versions, pages),
            BackfillPages(reading, backfills, pages),
            RunsPage(reading, pages),
            ComparePage(reading, pages, clock),
            RunPages(reading, operations, pages, clock),
            EventPages(reading, operations, pages, mask=mask),
            SensorPages(overview, operations, pages),
            OutboxPages(reading, health, pages, mask=mask),
            DeadLetterPages(letters, reading, pages, mask=mask),
            HealthPages(overview, health, pages),
            TokenPages(tokens, pages),
            AuditPages(reading, pages),
            Palette(reading),
        )

    def routes(self) -> list[Route | Mount]:
        """The routes to mount."""
        routes: list[Route | Mount] = [route for page in self._pages for route in page.routes()]
        return [*routes, Mount("/static", AssetFiles())]
