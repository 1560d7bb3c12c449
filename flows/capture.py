"""Captures what tasks print and log, per attempt, and hands it to the log sink."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TextIO

import anyio
from anyio.abc import TaskStatus

from triphammer.config.secrets import Secrets
from triphammer.flows.context import TaskContext, current_context
from triphammer.flows.executors.doorbell import Doorbell
from triphammer.flows.journal import LogLine, LogSink

FLUSH_SECONDS = 0.2
FLUSH_LINES = 200
CUT = 100_000
"""Characters of one line that are kept."""


class Capture:
    """Collects the lines of attempts; at most `most_lines` of each.

    Lines wait here until the attempt ends, there are many, or (while `run` runs) a moment has
    passed, so that a task that logs in a loop does not cost a hand-over a line. `together` is
    how many are many.
    """

    def __init__(
        self,
        sink: LogSink,
        secrets: Secrets,
        now: Callable[[], int],
        most_lines: int,
        *,
        together: int = FLUSH_LINES,
    ) -> None:
        self._sink = sink
        self._secrets = secrets
        self._now = now
        self._most = most_lines
        self._together = together
        self._lock = threading.Lock()
        self._pads: dict[TaskContext, _Pad] = {}
        self._news = anyio.Event()
        self._bell: Doorbell | None = None

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Hand over the lines of attempts that go on for long, a moment after they came."""
        self._bell = Doorbell(lambda: self._news.set())
        task_status.started()
        while True:
            await self._news.wait()
            await anyio.sleep(FLUSH_SECONDS)
            self._news = anyio.Event()
            self.flush()

    def flush(self) -> None:
        """Hand over all lines so far."""
        with self._lock:
            taken = [(c, pad.take()) for c, pad in self._pads.items() if pad.lines]
        for context, lines in taken:
            self._sink(context.run, context.task, context.attempt, lines)

    def add(self, context: TaskContext, level: str, text: str) -> None:
        """One line of an attempt; callable from any thread."""
        self.add_lines(context, [LogLine(self._now(), level, text)])

    def add_lines(self, context: TaskContext, lines: Sequence[LogLine], dropped: int = 0) -> None:
        """Lines of an attempt, and how many more were dropped where they came from."""
        shown = [LogLine(n.at, n.level, self._secrets.mask(n.text[:CUT])) for n in lines]
        with self._lock:
            pad = self._pads.setdefault(context, _Pad())
            pad.lines += shown[: max(self._most - pad.count, 0)]
            pad.count += len(shown) + dropped
            taken = pad.take() if len(pad.lines) >= self._together else []
        if taken:
            self._sink(context.run, context.task, context.attempt, taken)
        elif self._bell is not None:
            self._bell.ring()

    def ended(self, context: TaskContext) -> None:
        """The attempt has ended: hand over what is left, and say what was dropped."""
        with self._lock:
            pad = self._pads.pop(context, None)
        if pad is None:
            return
        if pad.count > self._most:
            text = f"{pad.count - self._most} more lines were dropped ([limits] log_lines)"
            pad.lines.append(LogLine(self._now(), "WARNING", text))
        if pad.lines:
            self._sink(context.run, context.task, context.attempt, pad.take())


class _Pad:
    __slots__ = ("count", "lines")

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.count = 0

    def take(self) -> list[LogLine]:
        lines, self.lines = self.lines, []
        return lines


class _Handler(logging.Handler):
    """Takes the records that are logged inside tasks."""

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture

    def emit(self, record: logging.LogRecord) -> None:
        context = current_context()
        if context is None:
            return
        record.captured = True
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._capture.add(context, record.levelname, text)


class _Stdout(io.TextIOBase):
    """Stands in for `sys.stdout`: lines printed in a task go to its log, others pass."""

    def __init__(self, passed: TextIO, capture: Capture) -> None:
        self._passed = passed
        self._capture = capture
        self._starts: dict[int, str] = {}

    def write(self, text: str) -> int:
        context = current_context()
        if context is None:
            return self._passed.write(text)
        # `print` writes the text and the line's end apart: keep the beginning until its end.
        whole = self._starts.pop(id(context), "") + text
        *lines, rest = whole.split("\n")
        for line in lines:
            self._capture.add(context, "PRINT", line)
        if rest:
            self._starts[id(context)] = rest
        return len(text)

    def finish(self, context: TaskContext) -> None:
        rest = self._starts.pop(id(context), "")
        if rest:
            self._capture.add(context, "PRINT", rest)

    def flush(self) -> None:
        if current_context() is None:
            self._passed.flush()

    def isatty(self) -> bool:
        return self._passed.isatty()

    def fileno(self) -> int:
        return self._passed.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride] - read-only here as in io.TextIOWrapper
        return self._passed.encoding


@contextmanager
def capturing(capture: Capture) -> Generator[Callable[[TaskContext], None]]:
    """Capture `print` and `logging` of tasks in this process while the context is open.

    Yields what executors call when an attempt has ended. Logging outside of tasks is left
    as it is: the handler looks at the running context.
    """
    root = logging.getLogger()
    handler, passed, level = _Handler(capture), sys.stdout, root.level
    stdout = _Stdout(passed, capture)
    root.handlers.insert(0, handler)
    root.setLevel(min(level or logging.INFO, logging.INFO))
    sys.stdout = stdout

    def ended(context: TaskContext) -> None:
        stdout.finish(context)
        capture.ended(context)

    try:
        yield ended
    finally:
        sys.stdout = passed
        root.removeHandler(handler)
        root.setLevel(level)
