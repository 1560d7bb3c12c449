from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.acceptance.process import DaemonProcess, project

Serve = Callable[..., DaemonProcess]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[Serve]:
    """Starts daemons on projects below the test's folder; none outlives the test."""
    started: list[DaemonProcess] = []

    def make(
        flows: Mapping[str, str],
        settings: str = "",
        *,
        name: str = "project",
        env: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
        flags: Sequence[str] = ("--port", "0"),
    ) -> DaemonProcess:
        daemon = DaemonProcess(project(tmp_path / name, flows, settings), env=env, through=through)
        started.append(daemon)
        return daemon.start(*flags)

    yield make
    for daemon in started:
        daemon.kill()
