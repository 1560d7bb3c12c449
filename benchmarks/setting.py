"""The daemon that is measured, its flows, and the servers that stand for the limits."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.process import DaemonProcess, project

FLOWS = {
    "bench": """
import asyncio, os, time
from triphammer import Event, context, events, files, flow, task, webhook

HELD = os.open("held.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@task
async def first(n: int) -> list[int]:
    return [n, time.time_ns()]

@task
async def step(n: int) -> int:
    return n + 1

@flow(on=webhook("one"), max_runs=1000)
def one(event: Event) -> object:
    return first(event.data["n"])

@flow(on=webhook("three"), max_runs=1000)
def three(event: Event) -> object:
    return step(step(step(event.data["n"])))

@flow(on=webhook("paused"))
def paused(event: Event) -> object:
    return step(event.data["n"])

@flow(on=events(type="map"))
def wide(event: Event) -> object:
    return step.map(event.data["items"])

@task
async def began(name: str) -> list[object]:
    return [name, time.time_ns()]

@flow(on=files("inbox", "*.txt", ready="rename"), max_runs=1000)
def dropped(event: Event) -> object:
    return began(event.data["name"])

@task
async def sleeps() -> None:
    time.sleep(4)

@task
async def spins() -> None:
    end = time.monotonic() + 4
    while time.monotonic() < end:
        pass

@flow(on=events(type="load"), max_runs=1000)
def loaded(event: Event) -> object:
    return step(step(step(event.data["n"])))

@task
async def held(n: int) -> None:
    os.write(HELD, f"{context().run} {time.time_ns()}\\n".encode())
    await asyncio.sleep(3600)

@flow(on=events(type="hold"), max_runs=1000)
def holding(event: Event) -> object:
    return held(step(event.data["n"]))

@flow(on=events(type="sleep"))
def sleeping(event: Event) -> None:
    sleeps()

@flow(on=events(type="spin"))
def spinning(event: Event) -> None:
    spins()
""",
}
POLL_SECONDS = 0.02


def compiled() -> dict[str, str]:
    """The environment of a daemon that finds compiled bytecode, as an installed one does."""
    env = {**os.environ}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def make_daemon(folder: Path, settings: str = "") -> DaemonProcess:
    """A daemon with the flows above, not started yet."""
    return DaemonProcess(project(folder, FLOWS, settings), env=compiled())


@contextmanager
def server(module: str, *arguments: str) -> Generator[str]:
    """A server of this package in a process of its own; yields its address."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.kill()


def ended(daemon: DaemonProcess, flow: str) -> int:
    """How many runs of `flow` have succeeded or failed."""
    counts = daemon.get(f"/api/v1/flows/{flow}")["runs"]
    return int(counts.get("succeeded", 0)) + int(counts.get("failed", 0))


def wait(reached: Callable[[], bool]) -> None:
    """Ask until it is so. A live stream would be work for the daemon that is measured."""
    while not reached():
        time.sleep(POLL_SECONDS)
