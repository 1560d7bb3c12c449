"""The live views: `runs --watch`, `flows --watch`, `events --tail`.

On a terminal lists are tables that keep up; elsewhere each change is a line, with `--json` one of
JSON. Apart from their commands, which must not pay for these imports.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from triphammer.service.cli.connecting import connect_async
from triphammer.service.cli.lists import FLOWS, RUNS, flow_rows, flow_state, run_rows
from triphammer.service.cli.output import can_draw, harmless, json_line, moment, table
from triphammer.service.cli.watching import watch
from triphammer.service.client.asynchronous import AsyncClient
from triphammer.service.client.news import News

if TYPE_CHECKING:
    from triphammer.service.web import models

PAGE = 100
MOST_PAGES = 10
"""Pages of new events that are looked through between two looks."""
REMEMBERED = 10_000
"""Runs whose last printed state is known."""
RUN_FIELDS = ("id", "flow", "version", "state", "event", "params", "result", "error")
RUN_TIMES = ("created_at", "started_at", "finished_at", "note", "tags")
Rows = Callable[[], Awaitable[Sequence[Sequence[Any]]]]


def watch_runs(url: str, asked: Mapping[str, Any], *, json: bool) -> None:
    """Show the newest runs, and again whenever one changes, until Ctrl-C."""
    anyio.run(partial(_watch_runs, url, asked, json=json))


def watch_flows(url: str, *, json: bool) -> None:
    """Show the flows, and again whenever a run or a flow changes, until Ctrl-C."""
    anyio.run(partial(_watch_flows, url, json=json))


def tail_events(url: str, asked: Mapping[str, Any], *, limit: int, json: bool) -> None:
    """Print the last events, then each as it comes, until Ctrl-C."""
    anyio.run(partial(_tail_events, url, asked, limit=limit, json=json))


async def _watch_runs(url: str, asked: Mapping[str, Any], *, json: bool) -> None:
    console = Console()
    stream = {"kinds": ["run"], "flow": asked["flow"]}
    async with connect_async(url) as daemon:
        if can_draw(console) and not json:
            most = min(asked["limit"], max(1, console.height - 3))

            async def rows() -> Sequence[Sequence[Any]]:
                page = await daemon.runs(**{**asked, "limit": most}).page()
                return run_rows(page["items"])

            await _table(daemon, console, RUNS, rows, stream)
        else:
            await watch(daemon, _RunLines(daemon, asked, json=json), stream)


async def _watch_flows(url: str, *, json: bool) -> None:
    console = Console()
    stream = {"kinds": ["run", "flow"]}
    async with connect_async(url) as daemon:
        if can_draw(console) and not json:

            async def rows() -> Sequence[Sequence[Any]]:
                return flow_rows(await daemon.flows().page())

            await _table(daemon, console, FLOWS, rows, stream)
        else:
            await watch(daemon, _FlowLines(daemon, json=json), stream)


async def _table(
    daemon: AsyncClient,
    console: Console,
    columns: Sequence[str],
    fetch: Rows,
    stream: Mapping[str, Any],
) -> None:
    """A table that keeps up with the daemon and with the clock."""
    rows: list[Sequence[Any]] = []

    def drawn() -> Table:
        return table(columns, rows, short=True, cut=True)

    with Live(get_renderable=drawn, console=console, refresh_per_second=4) as live:

        async def look(news: list[News]) -> bool:
            rows[:] = await fetch()
            live.refresh()
            return False

        await watch(daemon, look, stream)


class _RunLines:
    """A line for each change of a run that is asked for; first the newest as they are."""

    def __init__(self, daemon: AsyncClient, asked: Mapping[str, Any], *, json: bool) -> None:
        self._daemon = daemon
        self._asked = asked
        self._json = json
        self._told: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, news: list[News]) -> bool:
        if any(item.kind != "run" for item in news):  # opened, or some were missed
            page = await self._daemon.runs(**self._asked).page()
            for run in reversed(page["items"]):
                self._tell(run)
            return False
        for item in news:
            found: Any = await self._daemon.run(item.id)
            if self._fits(found):
                self._tell(found)
        return False

    def _fits(self, run: Any) -> bool:
        tag = self._asked["tag"]
        wanted = (self._asked[name] in (None, run[name]) for name in ("flow", "state", "event"))
        return all(wanted) and (tag is None or tag in run["tags"])

    def _tell(self, run: Any) -> None:
        """Print it, unless it was like this already: what is fetched is newer than its news."""
        if self._told.get(run["id"]) == run["state"]:
            return
        self._told[run["id"]] = run["state"]
        self._told.move_to_end(run["id"])
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._print(run)

    def _print(self, run: Any) -> None:
        if self._json:
            print_line({name: run[name] for name in (*RUN_FIELDS, *RUN_TIMES)})
            return
        at = run["finished_at"] or run["started_at"] or run["created_at"]
        why = "" if run["error"] is None else f" {run['error']['type']}: {run['error']['message']}"
        typer.echo(harmless(f"{moment(at)} {run['id']} {run['flow']} {run['state']}{why}"))


class _FlowLines:
    """A line for each flow as it is, then whenever its state or its counts have changed."""

    def __init__(self, daemon: AsyncClient, *, json: bool) -> None:
        self._daemon = daemon
        self._json = json
        self._known: dict[str, Any] = {}

    async def __call__(self, news: list[News]) -> bool:
        page = await self._daemon.flows().page()
        flows: list[Any] = [*page["items"], *page["removed"]]
        for flow in flows:
            seen = (flow_state(flow), flow["runs"], flow["version"])
            if self._known.get(flow["name"]) != seen:
                self._known[flow["name"]] = seen
                self._print(flow)
        return False

    def _print(self, flow: Any) -> None:
        if self._json:
            print_line(flow)
            return
        counts = ", ".join(f"{count} {state}" for state, count in flow["runs"].items())
        typer.echo(f"{flow['name']} {flow_state(flow)}: {counts or 'no runs yet'}")


async def _tail_events(url: str, asked: Mapping[str, Any], *, limit: int, json: bool) -> None:
    async with connect_async(url) as daemon:
        await watch(daemon, _EventLines(daemon, asked, limit, json=json), {"kinds": ["event"]})


class _EventLines:
    """A line for each event, in the order in which they came."""

    def __init__(
        self, daemon: AsyncClient, asked: Mapping[str, Any], limit: int, *, json: bool
    ) -> None:
        self._daemon = daemon
        self._asked = asked
        self._limit = limit
        self._json = json
        self._seen: dict[str, str] = {}
        self._since: str | None = None

    async def __call__(self, news: list[News]) -> bool:
        # First, so that what comes in between is looked for next time.
        newest = (await self._daemon.events(limit=1).page())["items"]
        new = await (self._first() if self._since is None else self._later())
        for event in reversed(new):
            self._print(event)
        seen = {**self._seen, **{event["key"]: event["received_at"] for event in new}}
        self._since = newest[0]["received_at"] if newest else self._since
        self._seen = {key: at for key, at in seen.items() if at >= (self._since or "")}
        return False

    async def _first(self) -> list[models.Event]:
        return (await self._daemon.events(**self._asked, limit=self._limit).page())["items"]

    async def _later(self) -> list[models.Event]:
        """Those since the last look, newest first; some of that moment were seen then."""
        new: list[models.Event] = []
        found = self._daemon.events(**self._asked, since=self._since, limit=PAGE)
        async for event in found:
            if event["key"] in self._seen:
                continue
            if len(new) >= PAGE * MOST_PAGES:
                typer.echo(f"more than {len(new)} events at once: some are left out", err=True)
                return new
            new.append(event)
        return new

    def _print(self, event: models.Event) -> None:
        if self._json:
            print_line(event)
            return
        at, subject = moment(event["received_at"]), event["subject"] or "-"
        typer.echo(f"{at} {event['type']} {event['source']} {subject} {event['key']}")


def print_line(value: Any) -> None:
    """A line of JSON, at once: whoever reads it waits for it."""
    typer.echo(json_line(value))
