"""What tasks print and log is kept with their attempts; all else passes."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from tests.flows.test_context import a_context
from triphammer.config.secrets import Secrets
from triphammer.flows.capture import FLUSH_LINES, Capture, capturing
from triphammer.flows.context import TaskContext, enter_context
from triphammer.flows.journal import LogLine


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class Sink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, int, list[tuple[str, str]]]] = []

    def __call__(self, run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None:
        self.batches.append((task, attempt, [(line.level, line.text) for line in lines]))

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [line for _, _, lines in self.batches for line in lines]


@contextmanager
def inside(context: TaskContext) -> Generator[None]:
    enter_context(context)
    try:
        yield
    finally:
        enter_context(None)


def a_capture(sink: Sink, most: int = 100_000) -> Capture:
    return Capture(sink, Secrets(values={"TOKEN": "hunter2hunter2"}), lambda: 7, most)


def test_print_and_logging_go_to_the_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    sink, mine = Sink(), a_context(attempt=2)
    with capturing(a_capture(sink)) as ended:
        with inside(mine):
            print("one", "two")
            print("three ", end="")
            print("four\nfive")
            logging.getLogger("users.own").info("logged %d", 6)
            context_logger = mine.logger
            context_logger.warning("seven")
        ended(mine)
    assert sink.batches == [
        (
            "work",
            2,
            [
                ("PRINT", "one two"),
                ("PRINT", "three four"),
                ("PRINT", "five"),
                ("INFO", "logged 6"),
                ("WARNING", "seven"),
            ],
        )
    ]
    assert capsys.readouterr().out == ""


def test_outside_of_tasks_nothing_changes(capsys: pytest.CaptureFixture[str]) -> None:
    sink, before, level = Sink(), sys.stdout, logging.getLogger().level
    with capturing(a_capture(sink)):
        print("to the terminal")
        sys.stdout.flush()
        logging.getLogger("users.own").warning("to the log")
    assert capsys.readouterr().out == "to the terminal\n"
    assert sink.lines == []
    assert sys.stdout is before
    assert logging.getLogger().level == level


def test_a_line_without_its_end_is_kept_at_the_end_of_the_attempt() -> None:
    sink, mine = Sink(), a_context()
    with capturing(a_capture(sink)) as ended:
        with inside(mine):
            print("no end", end="")
        ended(mine)
        ended(mine)
    assert sink.lines == [("PRINT", "no end")]


def test_secrets_are_masked_and_tracebacks_kept() -> None:
    sink, mine = Sink(), a_context()
    with capturing(a_capture(sink)) as ended:
        with inside(mine):
            print("with hunter2hunter2")
            try:
                raise ValueError("hunter2hunter2")
            except ValueError:
                logging.getLogger("x").exception("it broke")
        ended(mine)
    printed, logged = [text for _, text in sink.lines]
    assert printed == "with ***"
    assert logged.startswith("it broke\nTraceback")
    assert logged.endswith("ValueError: ***")


def test_lines_are_bounded_and_what_was_dropped_is_told() -> None:
    sink, mine = Sink(), a_context()
    capture = a_capture(sink, most=3)
    for n in range(10):
        capture.add(mine, "INFO", str(n))
    capture.ended(mine)
    assert [text for _, text in sink.lines][:3] == ["0", "1", "2"]
    assert len(sink.lines) == 4
    assert "7 more lines" in sink.lines[-1][1]


def test_many_lines_are_handed_over_at_once() -> None:
    sink, mine = Sink(), a_context()
    capture = a_capture(sink)
    for n in range(FLUSH_LINES):
        capture.add(mine, "INFO", str(n))
    assert len(sink.batches) == 1
    assert len(sink.lines) == FLUSH_LINES


@pytest.mark.anyio
async def test_an_attempt_that_goes_on_shows_its_lines_after_a_moment() -> None:
    sink, mine = Sink(), a_context()
    capture = a_capture(sink)
    async with anyio.create_task_group() as group:
        await group.start(capture.run)
        capture.add(mine, "INFO", "early")
        await anyio.sleep(1)
        assert sink.lines == [("INFO", "early")]
        capture.add(mine, "INFO", "later")
        await anyio.sleep(1)
        assert sink.lines == [("INFO", "early"), ("INFO", "later")]
        group.cancel_scope.cancel()


def test_attempts_in_several_threads_do_not_mix() -> None:
    sink = Sink()
    capture = a_capture(sink)
    contexts = [a_context(task=f"t{i}") for i in range(4)]
    with capturing(capture) as ended:

        def work(mine: TaskContext) -> None:
            enter_context(mine)
            for n in range(100):
                print(mine.task, n)
            ended(mine)

        threads = [threading.Thread(target=work, args=(c,)) for c in contexts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for context in contexts:
        own = [text for task, _, lines in sink.batches for _, text in lines if task == context.task]
        assert own == [f"{context.task} {n}" for n in range(100)]
