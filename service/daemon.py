"""The daemon: the web server for the life of the process, and one session after the other.

After a commit of unknown outcome everything but the web server is built anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from random import Random

import anyio

from triphammer.config.clock import SystemClock
from triphammer.config.errors import TriphammerError
from triphammer.config.loading import LoadedSettings
from triphammer.config.secrets import Secrets
from triphammer.flows.executors.watchdog import share_interpreter
from triphammer.service.access.protection import refuse_unguarded
from triphammer.service.access.standing import Access
from triphammer.service.backoff import CALM_SECONDS, restart_delay
from triphammer.service.health import Health
from triphammer.service.loading import Loaded
from triphammer.service.outbox.showing import Show
from triphammer.service.reloads.asking import Reloads
from triphammer.service.session import Announce, Session, Standing
from triphammer.service.store.trouble import passes, probe_room, store_trouble
from triphammer.service.systemd import Systemd
from triphammer.service.telemetry.access_log import AccessLog
from triphammer.service.telemetry.telemetry import Telemetry
from triphammer.service.tracing.opening import Tracing
from triphammer.service.web.connections import ConnectionLimits, Connections
from triphammer.service.web.front import Front
from triphammer.service.web.headers import Sealed
from triphammer.service.web.seen import Seen, Watched
from triphammer.service.web.server import WebServer, listen
from triphammer.service.web.tls import Tls

LONGEST_PAUSE_SECONDS = 2.0
"""Between two tries to open the store again: a look costs little, and clients are waiting."""
OPENING_SECONDS = 60.0
"""What opening the store again may take; systemd is asked to wait so long before the first."""


async def serve_until(
    loaded: LoadedSettings,
    secrets: Secrets,
    *,
    stop: anyio.Event,
    reloads: Reloads,
    announce: Announce,
    systemd: Systemd,
    log: logging.Logger,
    show: Show | None = None,
    tls: Tls | None = None,
    tracing: Tracing | None = None,
) -> None:
    """Run the daemon until `stop`. Outgoing messages are shown instead of sent if there is `show`.

    Raises `CannotServe`, `FolderLocked`, `SchemaTooNew`.
    """
    server = loaded.settings.server
    context = None if tls is None else tls.context
    share_interpreter()
    health = Health(SystemClock().now)
    health.report("store", "it is not open yet", essential=True)
    with listen(server.host, server.port) as listener:
        access = Access.of(server, listener.getsockname()[0])
        refuse_unguarded(access.protection, loaded.root / loaded.settings.store.data)
        telemetry = Telemetry(tracing or Tracing())
        front = Front(health, open=access.protection.open, counted=telemetry.read)
        connections = Connections(ConnectionLimits.of(loaded.settings), time.monotonic)
        traced = loaded.settings.log.access != "off"
        watched = Watched(Sealed(front), time.perf_counter, _told(loaded, telemetry), traced=traced)
        web = WebServer(watched, listener.dup(), tls=context, connections=connections)
        port: int = listener.getsockname()[1]
        async with anyio.create_task_group() as group:
            await group.start(web.run)
            await group.start(telemetry.lag.run)
            standing = Standing(
                loaded,
                secrets,
                front,
                access,
                health,
                connections,
                port,
                systemd,
                log,
                telemetry,
                show,
            )
            await _Sessions(standing).run_until(stop, reloads, announce)
            await web.stop()
            group.cancel_scope.cancel()


def _told(loaded: LoadedSettings, telemetry: Telemetry) -> Sequence[Callable[[Seen], None]]:
    """Who is told of requests."""
    form = loaded.settings.log.access
    if form == "off":
        return (telemetry.requests.answered,)
    return telemetry.requests.answered, AccessLog(form, SystemClock().now)


class _Sessions:
    """One session after the other: each ends with the stop or with a failure of the store."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._health = standing.health
        self._systemd = standing.systemd
        self._log = standing.log
        self._failures = 0
        self._flows: Loaded | None = None

    async def run_until(self, stop: anyio.Event, reloads: Reloads, announce: Announce) -> None:
        """Run sessions until `stop`. Raises what keeps the first of them from beginning, unless
        it is of a kind that passes."""
        began = False
        while not stop.is_set():
            session = Session(self._standing, self._flows)
            since = anyio.current_time()
            try:
                if self._failures:
                    await anyio.to_thread.run_sync(probe_room, self._standing.folder)
                await session.run(stop, reloads, announce)
            # A failing store surfaces in whatever part used it first, wrapped by its groups.
            except (TriphammerError, OSError, BaseExceptionGroup) as error:
                trouble = store_trouble(error)
                if trouble is None and session.store_error is not None:
                    self._log.error("another error of the failed store's session", exc_info=error)
                trouble = trouble or session.store_error
                if trouble is None or not (began or session.began or passes(trouble)):
                    raise
                session.store_error = trouble
            self._systemd.watch(None)
            if session.store_error is None:
                return
            began = began or session.began
            self._flows = session.flows
            if anyio.current_time() - since > CALM_SECONDS:
                self._failures = 0
            await self._pause(session.store_error, stop)

    async def _pause(self, error: Exception, stop: anyio.Event) -> None:
        self._failures += 1
        self._health.failed("store", str(error))
        self._health.forget_all_but("store")
        delay = min(restart_delay(self._failures, Random()), LONGEST_PAUSE_SECONDS)
        text = f"the store failed: {error}; it is opened again in {delay:.1f} s"
        self._log.error("%s", text)
        self._systemd.waiting(text, delay + OPENING_SECONDS)
        with anyio.move_on_after(delay):
            await stop.wait()
