"""Pruning is killed at one system call after the other: rows and files always fit together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from tests.chaos.regime import times
from tests.contracts.store_cases import (
    a_run,
    a_task,
    begun,
    changed,
    one,
    opening,
    running,
)
from triphammer.flows.journal import Encoded, LogLine
from triphammer.sensors.codec import new_event
from triphammer.service.store.inspection import inspect
from triphammer.service.store.versions import SaveVersion

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

OLD, YOUNG = 1_600_000_000_000_000, 4_000_000_000_000_000
RUNS = 120
PRUNE = [sys.executable, "-m", "triphammer", "db", "prune", "--data"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of old and young runs, each with an artifact."""
    folder = tmp_path_factory.mktemp("filled") / "data"
    anyio.run(_fill, folder)
    assert inspect(folder).troubles == ()
    return folder


async def _fill(folder: Path) -> None:
    async with running(opening("file", folder)) as opened:
        store = opened.store
        await one(store, SaveVersion(flow="orders", version="v1", file="f", sources={}, at=OLD))
        for number in range(RUNS):
            run = a_run()
            at = YOUNG if number % 3 == 0 else OLD
            event = new_event(source="s", type="t", data=1, id=f"{number}", now=at)
            digest = opened.artifacts.put(b"%d" % (number % 90))  # some are of an old and a young
            result = Encoded("artifact", digest.encode(), "json")
            await begun(store, run, event=event)
            await one(store, changed(run, tasks=(a_task("a"),)))
            await one(store, changed(run, state="succeeded", finished_at=at, result=result))
            opened.logs.sink(run.id, "a", 1, [LogLine(at, "INFO", "x")])


def prune(folder: Path, *through: str) -> int:
    done = subprocess.run(
        [*through, *PRUNE, str(folder)], cwd=folder, capture_output=True, check=False
    )
    return done.returncode


def killed_at(call: str, number: int) -> Sequence[str]:
    kill = f"inject={call}:signal=KILL:when={number}"
    return ("strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", kill)


@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "unlink"])
def test_rows_and_files_fit_together(filled: Path, tmp_path: Path, call: str) -> None:
    if shutil.which("strace") is None:
        assert os.environ.get("CI") != "true", "strace is missing"
        pytest.skip("strace is missing")
    whole = shutil.copytree(filled, tmp_path / "whole")
    assert prune(whole) == 0
    expected = inspect(whole)
    assert expected.counts["runs"] == RUNS // 3 + 1  # the newest stays
    killed = 0
    for attempt in range(times(5)):
        folder = shutil.copytree(filled, tmp_path / f"{attempt}")
        ended = prune(folder, *killed_at(call, 1 + attempt * 7))
        killed += ended in (-signal.SIGKILL, 128 + signal.SIGKILL)
        assert inspect(folder).troubles == ()
        assert prune(folder) == 0
        assert inspect(folder).counts == expected.counts
        assert files(folder) == files(whole)
    assert killed


def files(folder: Path) -> set[str]:
    return {file.name for file in (folder / "artifacts").glob("*/*")}
