"""`triphammer run --debug` on a terminal of its own: breakpoints and post-mortems."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.process import project

FLOW = """
import asyncio
import threading
from triphammer import flow, shell, task

@task(timeout="1ms")
def double(n: int) -> int:
    doubled = n * 2
    breakpoint()
    print("printed", doubled)
    return doubled

@task
async def halve(n: int) -> float:
    await asyncio.sleep(0)
    half = n / 2
    breakpoint()
    await asyncio.sleep(0)
    return half

@task(executor="process")
def where() -> bool:
    return threading.current_thread() is threading.main_thread()

@task
def divide(by: float) -> float:
    inner = by - by
    return 1 / inner

@flow(timeout="1ms")
def fine():
    where() >> shell("echo", "shelled") >> halve(double(21))

@flow
def broken():
    divide(halve(double(21)))

@flow
def aside():
    double.map([1, 2])
"""


class Terminal:
    """A process on a terminal of its own. Every wait ends with the test's own time limit."""

    def __init__(self, project: Path, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "triphammer", *arguments],
            cwd=project,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "dumb", "PYTHON_COLORS": "0", "COLUMNS": "200"},
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> str:
        """What was printed since the last look, up to `text`."""
        while text not in self.seen:
            read = self._read()
            assert read, f"{text!r} has not come: {self.seen}"
            self.seen += read
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def ask(self, expression: str) -> str:
        """What the debugger answers."""
        self.type(f"p {expression}")
        return self.until("(Pdb) ").splitlines()[-1].strip()

    def end(self) -> tuple[int, str]:
        """The exit code, and what was printed until then."""
        while read := self._read():
            self.seen += read
        return self._process.wait(), self.seen

    def _read(self) -> str:
        try:
            return os.read(self._ours, 65536).decode().replace("\r\n", "\n")
        except OSError:  # nobody is at the other side any more (Linux says so by EIO)
            return ""

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return project(tmp_path / "here", {"all": FLOW})


@pytest.fixture
def terminals(here: Path) -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_breakpoints_in_functions_and_coroutines(here: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(here, "run", "fine", "--debug")
    terminals.append(terminal)
    terminal.until("(Pdb) ")
    assert terminal.ask("doubled") == "42"
    terminal.type("doubled = 50")
    terminal.until("(Pdb) ")
    terminal.type("n")
    assert "printed 50" in terminal.until("(Pdb) ")
    terminal.type("c")
    assert "half = n / 2" not in terminal.until("(Pdb) ")
    assert terminal.ask("half") == "25.0"
    terminal.type("n")
    assert "return half" in terminal.until("(Pdb) "), "over an await, into no loop"
    terminal.type("c")
    code, printed = terminal.end()
    assert (code, "fine succeeded" in printed) == (0, True), printed


def test_a_post_mortem_stands_where_it_was_raised(here: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(here, "run", "broken", "--debug")
    terminals.append(terminal)
    for _ in range(2):
        terminal.until("(Pdb) ")
        terminal.type("c")
    shown = terminal.until("(Pdb) ")
    assert "ZeroDivisionError" in shown
    assert "flows/all.py" in shown
    assert "triphammer/flows" not in shown
    assert terminal.ask("inner, by") == "(0.0, 21.0)"
    terminal.type("q")
    code, printed = terminal.end()
    assert (code, "broken failed" in printed) == (1, True), printed


def test_who_leaves_the_debugger_leaves_the_run(here: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal(here, "run", "aside", "--debug")
    terminals.append(terminal)
    terminal.until("(Pdb) ")
    terminal.type("q")
    code, printed = terminal.end()
    assert code == 1
    assert "the debugger was left in double[0]: the run is given up" in printed
    assert "Traceback" not in printed
