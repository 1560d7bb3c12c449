"""`triphammer run --debug` on a terminal of its own: breakpoints and post-mortems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.process import project
from tests.support.terminal import Terminal

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
