"""What the shell may complete: names and ids that the daemon knows.

Nothing is told, and soon, where no daemon answers: a key that was hit by chance must not wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from triphammer.config.address import project_url
from triphammer.config.errors import TriphammerError
from triphammer.service.cli.options import TOKEN

if TYPE_CHECKING:
    from triphammer.service.client.sync import Client

PATIENCE = 0.7
"""Seconds that an answer may take."""
MOST = 30
"""The newest runs and events are offered."""
Found = Iterable[str | tuple[str, str]]


def flow_names(ctx: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    """The flows that serve."""
    return _found(ctx, incomplete, _flows)


def run_ids(ctx: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    """The newest runs."""
    return _found(ctx, incomplete, _runs)


def event_keys(ctx: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    """The newest events."""
    return _found(ctx, incomplete, _events)


def shown_things(ctx: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    """What `show` shows: as it begins."""
    ask = {"run_": _runs, "evt_": _events}.get(incomplete[:4], _flows)
    return _found(ctx, incomplete, ask)


def task_names(ctx: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    """The tasks of the run that stands before."""
    # While the value of an option is awaited, arguments before it are not told apart yet.
    before = (text for text in ctx.args if text.startswith("run_"))
    run: Any = ctx.params.get("run") or next(before, None)
    return _found(ctx, incomplete, lambda daemon: _tasks(daemon, run)) if run else []


def tags_of_runs(ctx: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    """The tags of the newest runs."""
    return _found(ctx, incomplete, _tags)


def sensor_ids(ctx: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    """The sensors."""
    return _found(ctx, incomplete, lambda daemon: [one["id"] for one in daemon.sensors()])


def _flows(daemon: Client) -> Found:
    return [(flow["name"], flow["doc"].partition("\n")[0]) for flow in daemon.flows()]


def _runs(daemon: Client) -> Found:
    page = daemon.runs(limit=MOST).page()
    return [(run["id"], f"{run['flow']} {run['state']}") for run in page["items"]]


def _events(daemon: Client) -> Found:
    page = daemon.events(limit=MOST).page()
    return [(event["key"], event["type"]) for event in page["items"]]


def _tasks(daemon: Client, run: str) -> Found:
    return [(task["name"], task["state"]) for task in daemon.run(run)["tasks"]]


def _tags(daemon: Client) -> Found:
    page = daemon.runs(limit=MOST).page()
    return sorted({tag for run in page["items"] for tag in run["tags"]})


def _found(
    ctx: typer.Context, incomplete: str, ask: Callable[[Client], Found]
) -> list[str | tuple[str, str]]:
    from triphammer.service.client.sync import Client

    try:
        url = ctx.params.get("url") or project_url(Path.cwd(), os.environ)
        token = ctx.params.get(TOKEN)
        with Client(url, token=token, timeout=PATIENCE, retries=0) as daemon:
            found = list(ask(daemon))
    except TriphammerError:
        return []
    return [item for item in found if _name(item).startswith(incomplete)]


def _name(item: str | tuple[str, str]) -> str:
    return item if isinstance(item, str) else item[0]
