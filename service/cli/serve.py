"""`triphammer serve`: the daemon in the foreground."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from triphammer.config.loading import LoadedSettings, load_settings
from triphammer.config.logging import configure_logging
from triphammer.config.secrets import Secrets
from triphammer.service.announcement import Announcement
from triphammer.service.cli.options import Config, reports_errors
from triphammer.service.daemon import Reloads, serve_until
from triphammer.service.signals import obey_signals

Flows = Annotated[Path | None, typer.Option("--flows", help="The folder of flow files.")]
Data = Annotated[Path | None, typer.Option("--data", help="The data folder.")]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port; 0: any.")]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(serve))


def serve(
    flows: Flows = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    config: Config = None,
) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP loads the flows again."""
    flags: dict[str, Any] = {
        "flows.dir": flows,
        "store.data": data,
        "server.host": host,
        "server.port": port,
    }
    given = {key: value for key, value in flags.items() if value is not None}
    loaded = load_settings(Path.cwd(), config=config, flags=given)
    secrets = Secrets.of(loaded)
    configure_logging(loaded.settings.log, secrets)
    anyio.run(
        serve_until_signal,
        loaded,
        secrets,
        backend_options={"use_uvloop": _has_uvloop()},
    )


async def serve_until_signal(loaded: LoadedSettings, secrets: Secrets) -> None:
    """The daemon, stopped and reloaded by signals."""
    stop, reloads = anyio.Event(), Reloads()
    async with anyio.create_task_group() as group:
        await group.start(obey_signals, stop, reloads.ask)
        await serve_until(
            loaded,
            secrets,
            stop=stop,
            reloads=reloads,
            announce=announce,
            log=logging.getLogger("triphammer"),
        )
        group.cancel_scope.cancel()


def announce(news: Announcement) -> None:
    """Print where the daemon is and what to try."""
    lines = [f"triphammer {news.version} is up: {news.url}"]
    lines += [f"  flow {name}: {text}" for name, text in news.flows.items()]
    lines += [f"  try: {text}" for text in news.hints]
    lines += [f"  note: {text}" for text in news.notes]
    typer.echo("\n".join(lines))


def _has_uvloop() -> bool:
    return find_spec("uvloop") is not None
