from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.acceptance.process import DaemonProcess, project

Serve = Callable[..., DaemonProcess]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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


@contextmanager
def chromium() -> Generator[Browser]:
    """Debian's Chromium, or one that TRIPHAMMER_TEST_CHROMIUM names."""
    path = os.environ.get("TRIPHAMMER_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: make test installs it on Debian as root")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
