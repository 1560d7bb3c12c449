"""A command on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

DUMB = {"TERM": "dumb", "PYTHON_COLORS": "0", "COLUMNS": "200"}
COLORED = {"TERM": "xterm-256color"}
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A process on a terminal of its own. Every wait ends with the test's own time limit."""

    def __init__(
        self, project: Path, *arguments: str, env: Mapping[str, str] = DUMB, rows: int = 40
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 120, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "triphammer", *arguments],
            cwd=project,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **env},
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> str:
        """What was printed since the last look, up to `text`, without colours."""
        while text not in self.seen:
            read = self._read()
            assert read, f"{text!r} has not come: {self.seen}"
            self.seen = CONTROLS.sub("", self.seen + read)
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def ask(self, expression: str) -> str:
        """What the debugger answers."""
        self.type(f"p {expression}")
        return self.until("(Pdb) ").splitlines()[-1].strip()

    def interrupt(self) -> int:
        """The exit code after Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        return self.end()[0]

    def end(self) -> tuple[int, str]:
        """The exit code, and what was printed until then."""
        while read := self._read():
            self.seen = CONTROLS.sub("", self.seen + read)
        return self._process.wait(), self.seen

    def _read(self) -> str:
        try:
            read = os.read(self._ours, 65536).decode("utf-8", "replace")
        except OSError:  # nobody is at the other side any more (Linux says so by EIO)
            return ""
        return read.replace("\r\n", "\n")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)
