"""Commits events and artifacts one after the other, and says so after each: `ack KIND ID`.

Run as a program by the test of durability; with `--forgetful` as the planted fault.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio

from tests.contracts.store_cases import a_run, accept, an_event, opening, ran, running
from triphammer.service.store.opening import Opened

COMMITS = 25


async def main(folder: Path, *, forgetful: bool) -> None:
    """Commit and acknowledge, then leave as if killed."""
    async with running(opening("file", folder)) as opened:
        if forgetful:
            await _forget(opened)
        for number in range(COMMITS):
            event = an_event(data="x" * (number * 700))
            await opened.store.commit([accept(ran(event, a_run()))])
            _acknowledge("event", event.key)
            _acknowledge("artifact", opened.artifacts.put(bytes([number]) * 5000))
        os._exit(0)


async def _forget(opened: Opened) -> None:
    writer = opened.store._writer  # pyright: ignore[reportPrivateUsage] - a planted fault
    connection = writer._connection  # pyright: ignore[reportPrivateUsage]
    await connection.run(lambda raw: raw.execute("PRAGMA synchronous = OFF"))


def _acknowledge(kind: str, id: str) -> None:
    os.write(1, f"ack {kind} {id}\n".encode())


if __name__ == "__main__":
    anyio.run(lambda: main(Path(sys.argv[1]), forgetful="--forgetful" in sys.argv))
