from __future__ import annotations

import os
import resource
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from triphammer.service.disk import DiskWatch, trouble_of
from triphammer.service.health import Health


@contextmanager
def no_descriptors() -> Generator[None]:
    """Not one more file can be opened by this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_folder_that_can_be_used_has_no_trouble(tmp_path: Path) -> None:
    assert trouble_of(tmp_path) is None


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in (trouble_of(tmp_path / "gone") or "")


def test_a_process_without_descriptors_says_so(tmp_path: Path) -> None:
    with no_descriptors():
        reason = trouble_of(tmp_path)
    assert "too many files" in (reason or "")


@pytest.mark.anyio
async def test_a_disk_that_does_not_answer_does_not_hold_up_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, stopped = threading.Event(), threading.Event()
    in_time: list[bool] = []

    def look(_: Path) -> None:
        looking.set()
        in_time.append(stopped.wait(5))

    monkeypatch.setattr("triphammer.service.disk.trouble_of", look)
    async with anyio.create_task_group() as group:
        group.start_soon(group.start, DiskWatch(tmp_path, Health(lambda: 0)).run)
        await anyio.to_thread.run_sync(looking.wait)
        group.cancel_scope.cancel()
    stopped.set()
    while not in_time:
        await anyio.lowlevel.checkpoint()
    assert in_time == [True]
