"""The daemon as a process, talked to from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx

UP = re.compile(r"is up: (http\S+)")
Check = Callable[[], Any]


class NotUp(AssertionError):
    """The daemon ended before it was up; the text is what it printed."""


class DaemonProcess:
    """`triphammer serve`, or another `verb`, in a project folder. Every wait ends with the test's
    own time limit."""

    def __init__(
        self,
        project: Path,
        *,
        env: Mapping[str, str] | None = None,
        through: Sequence[str] = (),
        verb: str = "serve",
        flags: Sequence[str] = ("--port", "0"),
    ) -> None:
        self.project = project
        self.verb = verb
        self.through = through
        self.env = {**os.environ, **(env or {})}
        self.url = ""
        self._flags = flags
        self.printed: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lines: SimpleQueue[str | None] = SimpleQueue()

    def __enter__(self) -> DaemonProcess:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *given: str) -> DaemonProcess:
        """Start it; returns once it says where it is. Again with the flags of the first time."""
        flags = self._flags = given or self._flags
        self._lines = SimpleQueue()
        self._process = subprocess.Popen(
            [*self.through, sys.executable, "-m", "triphammer", self.verb, *flags],
            cwd=self.project,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        found = UP.search(self.wait_for_line("is up:"))
        assert found is not None
        self.url = str(found[1])
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.printed.append(line.rstrip("\n"))
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for_line(self, text: str) -> str:
        """The next printed line with `text`."""
        while True:
            line = self._lines.get()
            if line is None:
                raise NotUp("\n".join(self.printed))
            if text in line:
                return line

    def lives(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """End it in order; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        assert self._process is not None
        code = self._process.wait()
        if self._reader is not None:  # its last line must not be taken for the next start's
            self._reader.join()
        return code

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._reader is not None:
            self._reader.join()

    def get(self, path: str, **params: Any) -> Any:
        return httpx.get(self.url + path, params=params, trust_env=False).json()

    def text(self, path: str) -> str:
        return httpx.get(self.url + path, trust_env=False).text

    def post(self, path: str, **options: Any) -> httpx.Response:
        return httpx.post(self.url + path, trust_env=False, timeout=30, **options)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this daemon."""
        return cli(self.project, *arguments, env={**self.env, "TRIPHAMMER_URL": self.url})

    def wait_until(self, check: Check) -> Any:
        """The first true value of `check`, asked again whenever the daemon has news."""
        with (
            httpx.Client(trust_env=False, timeout=None) as client,
            client.stream("GET", self.url + "/api/v1/stream") as answer,
        ):
            lines = answer.iter_lines()
            next(lines)
            while not (value := check()):
                while not next(lines).startswith(("data:", ":")):
                    pass
            return value

    def runs(self, flow: str | None = None, state: str | None = None) -> list[Any]:
        """The runs there are, newest first."""
        params = {k: v for k, v in {"flow": flow, "state": state, "limit": 500}.items() if v}
        items: list[Any] = self.get("/api/v1/runs", **params)["items"]
        return items

    def wait_for_runs(self, flow: str, count: int = 1, state: str = "succeeded") -> list[Any]:
        """The runs of `flow` once `count` of them are in `state`."""

        def check() -> list[Any]:
            found = self.runs(flow, state)
            return found if len(found) >= count else []

        runs: list[Any] = self.wait_until(check)
        return runs


def cli(
    project: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in `project`."""
    return subprocess.run(
        [sys.executable, "-m", "triphammer", *arguments],
        cwd=project,
        env=dict(env or os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def project(folder: Path, flows: Mapping[str, str], settings: str = "") -> Path:
    """A project with these flow files by name."""
    (folder / "flows").mkdir(parents=True)
    (folder / "triphammer.toml").write_text(settings)
    for name, text in flows.items():
        (folder / "flows" / f"{name}.py").write_text(text)
    return folder


@contextmanager
def saving(folder: Path) -> Generator[None]:
    """What is saved inside comes into service as one, however slow the machine is: as git does it
    in the working tree that `folder` is. The daemon must find it at its start."""
    lock = folder / ".git" / "index.lock"
    lock.touch()
    try:
        yield
    finally:
        lock.unlink()


def state_file_lines(file: Path) -> Sequence[str]:
    """What tasks appended to a file: their side effects, counted."""
    return file.read_text().splitlines() if file.exists() else []


def as_json(text: str) -> Any:
    return json.loads(text)
