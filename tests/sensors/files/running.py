"""A file sensor that runs over a real folder, with a recorder for its news."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from tests.sensors.harness import Recorder, make_context, spec_of
from triphammer.config.source import Source
from triphammer.sensors.contract import SensorContext
from triphammer.sensors.files.sensor import FilesSensor


def context_of(source: Source, recorder: Recorder) -> SensorContext:
    """A context for the sensor of `source`."""
    return make_context(FilesSensor.merge([spec_of(source)]), recorder)


@asynccontextmanager
async def running(source: Source, recorder: Recorder) -> AsyncGenerator[None]:
    """The sensor of `source` runs, and is stopped at the end; all within 60 seconds."""
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            await group.start(FilesSensor.build(context_of(source, recorder)).run)
            yield
            group.cancel_scope.cancel()


async def emissions_until(recorder: Recorder, key: str, *, forgotten: bool = False) -> None:
    """Wait until the position of `key` is stored, or forgotten."""
    while (key in recorder.positions) is forgotten:
        await recorder.emitted.wait()


def versions(recorder: Recorder) -> list[tuple[str, int]]:
    """Path and size of each event so far, sorted."""
    return sorted((str(event.subject), event.data["size"]) for event in recorder.events)


async def write(path: Path, content: bytes = b"x") -> None:
    """Bring a whole file about, folders and all, however slow the machine is."""
    await anyio.Path(path.parent).mkdir(parents=True, exist_ok=True)
    part = anyio.Path(path.parent, ".part")
    await part.write_bytes(content)
    await part.rename(path)


async def write_in_place(path: Path, content: bytes = b"x") -> None:
    """Write a file under its own name."""
    await anyio.Path(path).write_bytes(content)
