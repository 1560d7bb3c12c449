"""1,000 files in each of eight ways: an event for each whole version, none for a part."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from watchfiles import watch

from tests.sensors.files.eight_ways import (
    AT_ONCE,
    SETTLE_MS,
    Version,
    Way,
    before_start,
    in_pieces,
    moved_in,
    nested,
    rewritten,
)
from tests.sensors.files.running import running, versions
from tests.sensors.harness import Recorder
from triphammer.config.source import Source
from triphammer.sensors.files import files

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def source(folder: Path) -> Source:
    return files(folder, "**/*.csv", settle=f"{SETTLE_MS}ms")


async def in_thread(way: Way, folder: Path, each: int, into: list[Version]) -> None:
    into += await anyio.to_thread.run_sync(way, folder, each)


async def come(recorder: Recorder, expected: list[Version]) -> None:
    """Wait until all of those versions have been told of."""
    while not set(expected) <= set(versions(recorder)):
        await recorder.emitted.wait()


async def eight_ways(folder: Path, each: int) -> None:
    await anyio.Path(folder).mkdir()
    expected: list[Version] = []
    await in_thread(before_start, folder, each, expected)
    recorder = Recorder()
    async with running(source(folder), recorder):
        await in_thread(in_pieces, folder, each, expected)
        async with anyio.create_task_group() as group:
            for way in AT_ONCE:
                group.start_soon(in_thread, way, folder, each, expected)
        await come(recorder, expected)
        await in_thread(rewritten, folder, each, expected)
        await come(recorder, expected)
        # What comes late would come with this one, which is written last.
        await anyio.Path(folder, "last.csv").write_bytes(b"last")
        await come(recorder, [("last.csv", 4)])
    claimed = {path for path, _ in expected}
    told = [version for version in versions(recorder) if version[0] in claimed]
    assert Counter(told) == Counter(expected)
    assert sum(len(emission.events) for emission in recorder.emissions) == len(recorder.events)
    restarted = len(recorder.emissions)
    async with running(source(folder), recorder):
        pass
    assert len(recorder.emissions) == restarted


async def test_a_few_files_in_eight_ways(tmp_path: Path) -> None:
    await eight_ways(tmp_path / "inbox", 20)


@pytest.mark.slow
async def test_a_thousand_files_in_eight_ways(tmp_path: Path) -> None:
    await eight_ways(tmp_path / "inbox", 1000)


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[set[str]]:
    """The paths of which a raw watchfiles tells, from when it watches until the test ends."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    stop, begun, paths = threading.Event(), threading.Event(), set[str]()

    def listen() -> None:
        for changes in watch(folder, stop_event=stop, rust_timeout=100, yield_on_timeout=True):
            begun.set()
            paths.update(path for _, path in changes)

    thread = threading.Thread(target=listen)
    thread.start()
    assert begun.wait(10)
    yield paths
    stop.set()
    thread.join()


@pytest.mark.slow
def test_control_raw_watchfiles_misses_some(tmp_path: Path, seen: set[str]) -> None:
    folder = tmp_path / "inbox"
    expected = {str(folder / path) for way in (nested, moved_in) for path, _ in way(folder, 125)}
    last = folder / "last.csv"
    for number in range(1000):
        last.write_text(str(number))
        if str(last) in seen:
            break
        threading.Event().wait(0.05)
    assert expected - seen
