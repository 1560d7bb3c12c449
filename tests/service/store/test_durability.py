"""What was acknowledged outlives a power failure, by the system calls of the real process."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.support.crash_images import STRACE, Disk, recorded
from tests.support.tracing import must_trace
from triphammer.service.store.opening import ARTIFACTS, DATABASE

ACKNOWLEDGED = b"ack "


pytestmark = [
    pytest.mark.slow,
    must_trace,
]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Records a process that commits below a folder: its calls are in `calls`."""

    def run(*options: str) -> Path:
        base = tmp_path_factory.mktemp("recorded")
        (base / "calls").mkdir()
        (base / "root").mkdir()
        program = [sys.executable, "-m", "tests.service.store.commit_under_strace"]
        command = [*STRACE, "-o", str(base / "calls" / "t"), *program]
        done = subprocess.run(
            [*command, str(base / "root" / "data"), *options], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return base

    return run


def lost(base: Path, random: Random | None) -> tuple[int, list[str]]:
    """How much was acknowledged, and what of it a power failure right after would lose."""
    disk = Disk(base / "root")
    acknowledged: list[tuple[str, str]] = []
    missing: list[str] = []
    image = base / "image"
    for call in recorded(base / "calls"):
        disk.apply(call)
        if call.name != "write" or not call.texts[0].startswith(ACKNOWLEDGED):
            continue
        _, kind, id = call.texts[0].decode().split()
        acknowledged.append((kind, id))
        shutil.rmtree(image, ignore_errors=True)
        disk.write_image(image, random)
        missing += _missing(image / "data", acknowledged)
    return len(acknowledged), missing


def _missing(folder: Path, acknowledged: list[tuple[str, str]]) -> list[str]:
    events = _events(folder / DATABASE)
    return [
        id
        for kind, id in acknowledged
        if not (id in events if kind == "event" else _has_artifact(folder / ARTIFACTS, id))
    ]


def _events(database: Path) -> set[str]:
    if not database.exists():
        return set()
    raw = sqlite3.connect(database)
    try:
        return {key for (key,) in raw.execute("SELECT key FROM events")}
    except sqlite3.DatabaseError:
        return set()
    finally:
        raw.close()


def _has_artifact(folder: Path, digest: str) -> bool:
    file = folder / digest[:2] / digest[2:]
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == digest


@pytest.fixture(scope="module")
def honest(record: Callable[..., Path]) -> Path:
    return record()


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_nothing_acknowledged_is_lost_with_the_power(honest: Path, seed: int | None) -> None:
    acknowledged, missing = lost(honest, None if seed is None else Random(seed))
    assert acknowledged > 40
    assert missing == []


def test_a_store_that_does_not_flush_is_caught(record: Callable[..., Path]) -> None:
    assert lost(record("--forgetful"), None)[1]
