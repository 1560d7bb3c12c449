"""What systemd is told: ready, reloading, stopping, a line of status, and that we are alive.

The messages are those of sd_notify(3): datagrams to the socket that `NOTIFY_SOCKET` names.
Without that variable nothing is sent and nothing is asked.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Self

import anyio
import msgspec
from anyio.lowlevel import checkpoint

STATUS_LENGTH = 400
"""Characters of a status line: `systemctl status` shows one line."""
SEND_SECONDS = 1.0
"""How long systemd may take to have room for a message."""

Answers = Callable[[], Awaitable[None]]


class Unit(msgspec.Struct, frozen=True):
    """What systemd asks of this process. `watchdog` is in seconds; None: nobody watches."""

    address: str | None = None
    watchdog: float | None = None

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str], pid: int) -> Self:
        """Read and remove the variables: what tasks start must not speak for the daemon."""
        address = environment.pop("NOTIFY_SOCKET", None)
        micros = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", str(pid)) == str(pid)
        asked = meant and micros.isdecimal() and int(micros) > 0
        return cls(address, int(micros) / 1e6 if asked else None)


def message(**fields: str | int) -> bytes:
    """A datagram of sd_notify(3): one `NAME=value` a line, no value with a line break."""
    lines = (f"{name}={' '.join(str(value).split())}" for name, value in fields.items())
    return "\n".join(lines).encode()


def socket_address(text: str) -> str | bytes:
    """The address of a socket: a path, or with `@` a name in Linux' abstract namespace."""
    return b"\0" + text[1:].encode() if text.startswith("@") else text


class Systemd:
    """Speaks for the daemon. `feed` must run for the watchdog to be fed.

    The watchdog is fed while the service loop turns and the store's writer answers. User code
    that blocks the flow loop does not withhold it: that has its own alarm. While the store is
    away - the disk is full, say, and the daemon waits to open it again - only the loop must
    turn: a restart would not bring the disk back, and would end runs for nothing.
    """

    def __init__(self, unit: Unit, log: logging.Logger) -> None:
        self._unit = unit
        self._log = log
        self._answers: Answers = checkpoint
        self._asking: anyio.CancelScope | None = None
        self._unheard = False

    def ready(self, status: str) -> None:
        """The daemon serves; also after a reload."""
        self._send(message(READY=1, STATUS=status[:STATUS_LENGTH]))

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(message(RELOADING=1, MONOTONIC_USEC=now, STATUS="loading the flows again"))

    def stopping(self, seconds: float) -> None:
        """The stop has begun and takes up to `seconds`, whatever the unit's own limit is."""
        status = f"stopping: up to {seconds:g} s for what is under way"
        self._send(message(STOPPING=1, EXTEND_TIMEOUT_USEC=round(seconds * 1e6), STATUS=status))

    def waiting(self, status: str, seconds: float) -> None:
        """The store is away; a start that has not ended is to be given `seconds` more."""
        self._send(message(STATUS=status[:STATUS_LENGTH], EXTEND_TIMEOUT_USEC=round(seconds * 1e6)))

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(message(STATUS=text[:STATUS_LENGTH]))

    def watch(self, answers: Answers | None) -> None:
        """`answers` returns when the store's writer has had its turn; None: it is away."""
        self._answers = answers or checkpoint
        if self._asking is not None:
            self._asking.cancel()

    async def feed(self) -> None:
        """Feed the watchdog until cancelled; returns at once where there is none."""
        if self._unit.watchdog is None or self._unit.address is None:
            return
        while True:
            await self._answered()
            self._send(message(WATCHDOG=1))
            await anyio.sleep(self._unit.watchdog / 2)

    async def _answered(self) -> None:
        """Wait for the writer; ask the next one if another takes its place meanwhile."""
        answered = False
        while not answered:
            with anyio.CancelScope() as self._asking:
                await self._answers()
                answered = True

    def _send(self, datagram: bytes) -> None:
        """Tell systemd; one that does not listen must not end the daemon."""
        if self._unit.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_SECONDS)
                sender.connect(socket_address(self._unit.address))
                sender.send(datagram)
        except OSError as error:
            if not self._unheard:
                self._log.warning("systemd does not hear at %s: %s", self._unit.address, error)
            self._unheard = True
        else:
            self._unheard = False


def of_this_process(log: logging.Logger) -> Systemd:
    """What the environment of this process says; it is taken out of there."""
    return Systemd(Unit.taken_from(os.environ, os.getpid()), log)
