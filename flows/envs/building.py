"""Builds one environment: aside, tried out, and put into its place whole."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL
from threading import Event

from triphammer.flows.envs.bridge import NAME, build_bridge, needed_names
from triphammer.flows.envs.spec import Wanted, wanted
from triphammer.flows.errors import EnvFailed
from triphammer.flows.executors.processes.groups import Group, Groups
from triphammer.flows.ready.command import environment

READY, BRIDGE, BUILDING = "ready.json", "bridge", ".building-"
TAIL = 25
"""So many of the installer's last lines are told of a failure."""
LOOK_SECONDS = 0.2
"""Between two looks whether another process has built it."""
UNUSED_DAYS = 30.0
"""An environment that nobody has used for so long is removed."""
Say = Callable[[str], None]
_PROBE = """\
import sys
sys.path.append(sys.argv[1])
import triphammer, triphammer.flows.executors.processes.worker
for name in triphammer.__all__:
    getattr(triphammer, name)
print(triphammer.__version__)
"""


class Interpreter:
    """A Python that brings requirements along."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.bridge = folder / BRIDGE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Interpreter) and other.folder == self.folder

    def __hash__(self) -> int:
        return hash(self.folder)


class Builder:
    """Builds below `folder`. Its methods block; `stop` ends builds that are under way in other
    threads. `groups` starts the installer, so that it ends with the daemon."""

    def __init__(self, folder: Path, groups: Groups) -> None:
        self._folder = folder
        self._groups = groups
        self._stopping = Event()
        self._running: set[Group] = set()

    def stop(self) -> None:
        """End the builds under way; they raise `EnvFailed`."""
        self._stopping.set()
        for group in list(self._running):
            group.kill()

    def find(self, asked: Wanted) -> Interpreter | None:
        """The environment if it is built. It counts as used."""
        place = self._folder / asked.id
        try:
            os.utime(place / READY)
        except OSError:
            return None
        return Interpreter(place)

    def build(self, asked: Wanted, say: Say) -> Interpreter:
        """The environment, built unless it is. `say` is told how it goes on.

        Raises `EnvFailed` with the installer's last lines.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._locked(asked.id, say):
                if self.find(asked) is None:
                    self._build(asked, say)
                    self._prune(asked.id)
        except OSError as error:
            raise EnvFailed(f"the environment {asked.spec} cannot be built: {error}") from error
        return Interpreter(self._folder / asked.id)

    def _build(self, asked: Wanted, say: Say) -> None:
        began, place = time.monotonic(), self._folder / f"{BUILDING}{asked.id}"
        say(f"building the environment {asked.spec} ({asked.id})")
        shutil.rmtree(place, ignore_errors=True)  # of a build that was killed
        try:
            self._install(asked, place, say)
            build_bridge(place / BRIDGE)
            self._try_out(asked, place)
            self._put(asked, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        say(f"the environment {asked.spec} is built: {time.monotonic() - began:.1f} s")

    def _install(self, asked: Wanted, place: Path, say: Say) -> None:
        file = asked.file
        python = str(place / "bin" / "python")
        tools = _tools()
        self._run(asked, [*tools.make, str(place)], say)
        if file is None and asked.lines:
            file = place / "requirements.txt"
            file.write_text("".join(f"{line}\n" for line in asked.lines), encoding="utf-8")
        if file is not None:
            install = [part.format(python=python) for part in tools.install]
            self._run(asked, [*install, str(file)], say)

    def _try_out(self, asked: Wanted, place: Path) -> None:
        """A worker must be able to begin beside the requirements."""
        said: list[str] = []
        command = [str(place / "bin" / "python"), "-c", _PROBE, str(place / BRIDGE)]
        try:
            self._run(asked, command, said.append)
        except EnvFailed:
            raise EnvFailed(
                f"triphammer cannot run in the environment {asked.spec}: {' '.join(said[-1:])}. "
                f"It needs, each in a version that suits it: {', '.join(needed_names())}"
            ) from None
        if said[-1:] != [version(NAME)]:
            raise EnvFailed(
                f"the environment {asked.spec} brings triphammer {said[-1]}, this is "
                f"{version(NAME)}: leave it out of the requirements, it comes by itself"
            )

    def _put(self, asked: Wanted, place: Path) -> None:
        if wanted(asked.spec, asked.root).id != asked.id:
            raise EnvFailed(f"the requirements of {asked.spec} changed while it was being built")
        target = self._folder / asked.id
        _move_scripts(place / "bin", str(place), str(target))
        told = {"env": str(asked.spec), "python": sys.version, "built": time.time()}
        (place / READY).write_text(json.dumps(told), encoding="utf-8")
        os.sync()  # after a crash of the machine it must not stand there half
        place.rename(target)

    def _run(self, asked: Wanted, command: Sequence[str], say: Say) -> None:
        if self._stopping.is_set():
            raise EnvFailed(f"the environment {asked.spec} is not built: the executor stops")
        ended, last = Event(), deque[str](maxlen=TAIL)
        reading, writing = os.pipe()
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            try:
                group = self._groups.start(
                    command,
                    env=environment({}, os.environ),
                    gone=ended.set,
                    stdin=DEVNULL,
                    stdout=writing,
                    stderr=writing,
                    cwd=asked.cwd,
                )
            finally:
                os.close(writing)
            self._running.add(group)
            if self._stopping.is_set():  # `stop` may not have seen it
                group.kill()
            try:
                for line in lines:
                    last.append(line.rstrip())
                    say(line.rstrip())
                ended.wait()
            finally:
                self._running.discard(group)
        if group.returncode:
            told = "\n".join(last)
            raise EnvFailed(
                f"the environment {asked.spec} cannot be built: `{' '.join(command[:4])} ...` "
                f"ended with exit code {group.returncode}:\n{told}"
            )

    @contextmanager
    def _locked(self, id: str, say: Say) -> Generator[None]:
        """One build of it at a time on this machine, whoever builds."""
        file = os.open(self._folder / f"{id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            waits = False
            while not _lock(file):
                if not waits:
                    say("another process builds this environment: waiting for it")
                waits = True
                if self._stopping.wait(LOOK_SECONDS):
                    raise EnvFailed("the environment is not built: the executor stops")
            yield
        finally:
            os.close(file)

    def _prune(self, kept: str) -> None:
        """Remove environments that nobody has used for long."""
        for ready in self._folder.glob(f"[!.]*/{READY}"):
            place = ready.parent
            if place.name == kept or time.time() - ready.stat().st_mtime < UNUSED_DAYS * 86400:
                continue
            file = os.open(self._folder / f"{place.name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                if _lock(file):
                    shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(file)


class _Tools:
    """The commands that make an environment and install into it."""

    def __init__(self, make: Sequence[str], install: Sequence[str]) -> None:
        self.make = make
        self.install = install


def _tools() -> _Tools:
    """pip where this interpreter has it, which reads pip's own settings; else uv; else the pip
    that Python brings along."""
    venv = [sys.executable, "-m", "venv"]
    quiet = ["--no-input", "--disable-pip-version-check", "--no-compile", "-r"]
    if find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "--python", "{python}", "install", *quiet]
        return _Tools([*venv, "--without-pip"], pip)
    uv = shutil.which("uv")
    if uv is not None:
        make = [uv, "venv", "--python", sys.executable]
        return _Tools(make, [uv, "pip", "install", "--python", "{python}", "-r"])
    return _Tools(venv, ["{python}", "-m", "pip", "install", *quiet])


def _move_scripts(folder: Path, old: str, new: str) -> None:
    """Let the first lines of scripts name the interpreter where it will be."""
    for script in folder.iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if content.startswith(b"#!") and old.encode() in content:
            script.write_bytes(content.replace(old.encode(), new.encode()))


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
