"""Tasks that do what only a process survives."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from triphammer.flows.flow import flow
from triphammer.flows.references import event
from triphammer.flows.task import task


@task
def pid() -> int:
    return os.getpid()


@task
def waits(files: list[str]) -> int:
    """Say who it is, and go on when it is let go."""
    Path(files[0]).write_text(str(os.getpid()))
    Path(files[1]).read_text()
    return os.getpid()


@task
def counts(files: list[str]) -> int:
    """The same, and each beginning is a line in the third file."""
    with Path(files[2]).open("a") as file:
        file.write("begun\n")
    print("begun")
    Path(files[0]).write_text(str(os.getpid()))
    Path(files[1]).read_text()
    return os.getpid()


@task
def segfault() -> None:
    ctypes.string_at(0)


@task
def exits() -> None:
    os._exit(7)


@task(timeout=0.2)
def obstinate(file: str) -> None:
    """Neither hears nor yields; its child is as stubborn."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", STUBBORN])
    Path(file).write_text(f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(0)


STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pause()
"""


@task
def with_child(file: str) -> None:
    """A child in the group, and one that has left it."""
    near = subprocess.Popen([sys.executable, "-c", STUBBORN])
    far = subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
    Path(file).write_text(f"{os.getpid()} {near.pid} {far.pid}")
    signal.pause()


@task
def tidies(files: list[str]) -> None:
    try:
        Path(files[0]).write_text("begun")
        signal.pause()
    finally:
        print("tidied")
        Path(files[1]).touch()


@task
def below() -> None:
    """Prints past Python, as libraries in C and children do."""
    os.write(1, b"written to 1\n")
    subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
    os.write(2, b"without an end")


@task
def loud() -> None:
    for n in range(50):
        print(n)


@task
def variables() -> str | None:
    return os.environ.get("OMP_NUM_THREADS")


@task
def loaded() -> list[str]:
    return sorted(sys.modules)


@task
def not_ours() -> list[str]:
    """The names of the threads beside the main one."""
    return [t.name for t in threading.enumerate() if t is not threading.main_thread()]


@task
def takes(value: Any) -> str:
    return type(value).__name__


@flow
def odd() -> None:
    pid()
    waits(event.data)
    counts(event.data)
    segfault()
    exits()
    obstinate(event.data)
    with_child(event.data)
    tidies(event.data)
    below()
    loud()
    variables()
    loaded()
    not_ours()
    takes(event.data)
