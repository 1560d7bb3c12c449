"""What `triphammer serve` does, apart from it: reading commands must not pay for its imports."""

from __future__ import annotations

import gc
import logging
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import typer

from triphammer.config.clock import SystemClock
from triphammer.config.loading import LoadedSettings, load_settings
from triphammer.config.logging import configure_logging
from triphammer.config.secrets import Secrets
from triphammer.flows.journal import OutMessage
from triphammer.service.announcement import Announcement
from triphammer.service.daemon import serve_until
from triphammer.service.outbox.showing import Show
from triphammer.service.reloads.asking import Reloads
from triphammer.service.signals import obey_signals
from triphammer.service.systemd import of_this_process
from triphammer.service.tracing.opening import open_tracing
from triphammer.service.web.tls import Tls

COLLECTIONS = (20_000, 20, 50)
"""Thresholds of the garbage collector: the usual ones took a tenth of all processor time under
load, most of it looking again at what had been imported."""


def serve_here(config: Path | None, flags: Mapping[str, Any], *, sends: bool = True) -> None:
    """Run the daemon in this process until a signal stops it. `flags` are by dotted key.

    One that does not send prints what goes out.
    """
    loaded = load_settings(Path.cwd(), config=config, flags=flags)
    secrets = Secrets.of(loaded)
    configure_logging(loaded.settings.log, secrets)
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    anyio.run(
        serve_until_signal,
        loaded,
        secrets,
        None if sends else partial(print_message, secrets),
        backend_options={"use_uvloop": _has_uvloop()},
    )


async def serve_until_signal(
    loaded: LoadedSettings, secrets: Secrets, show: Show | None = None
) -> None:
    """The daemon, stopped and reloaded by signals; what goes out is sent, or shown."""
    stop, reloads, log = anyio.Event(), Reloads(), logging.getLogger("triphammer")
    systemd = of_this_process(log)
    tls = Tls.of(loaded)

    def reload() -> None:
        if tls is not None:
            tls.renew()
        reloads.ask()

    async with (
        open_tracing(loaded.settings.otel, SystemClock().now, log) as tracing,
        anyio.create_task_group() as group,
    ):
        await group.start(obey_signals, stop, reload)
        group.start_soon(systemd.feed, name="watchdog")
        await serve_until(
            loaded,
            secrets,
            stop=stop,
            reloads=reloads,
            announce=announce,
            systemd=systemd,
            log=log,
            show=show,
            tls=tls,
            tracing=tracing,
        )
        group.cancel_scope.cancel()


def announce(news: Announcement) -> None:
    """Print where the daemon is and what to try."""
    lines = [f"triphammer {news.version} is up: {news.url}"]
    lines += [f"  flow {name}: {text}" for name, text in news.flows.items()]
    lines += [f"  try: {text}" for text in news.hints]
    lines += [f"  note: {text}" for text in news.notes]
    typer.echo("\n".join(lines))


def print_message(secrets: Secrets, message: OutMessage) -> None:
    """Print a message that is not sent. Secrets in it are masked."""
    text = "" if message.body is None else message.body.decode("utf-8", "replace")
    key = "" if message.key is None else f" (key {message.key})"
    shown = f"{message.kind} to {message.target}{key}: {text}"
    typer.echo(f"not sent: {secrets.mask(shown)}")


def _has_uvloop() -> bool:
    return find_spec("uvloop") is not None
