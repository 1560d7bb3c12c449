"""What `triphammer run` shows while the run goes on, on standard error: lines, or a drawing."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from triphammer.flows.executors.contract import Stalled
from triphammer.flows.journal import LogLine
from triphammer.service.cli.board import Board
from triphammer.service.cli.output import can_draw
from triphammer.service.hub import News

Task = tuple[str, str, Mapping[str, int]]
"""A task's name and state, and how many items of a map are in which."""


class Silent:
    """Shows nothing: what is printed is for programs."""

    def tell(self, news: News) -> None:
        """Something has changed."""

    def end(self, state: str, tasks: Iterable[Task]) -> None:
        """The run has ended, and its tasks so."""

    def say(self, text: str) -> None:
        """A line."""

    def log(self, run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None:
        """What a task has logged (`flows.journal.LogSink`); from any thread."""
        for line in lines:
            self.say(f"  {task}#{attempt} {line.level}: {line.text}")

    def stalled(self, stalled: Stalled | None) -> None:
        """The user's code blocks."""
        if stalled is not None:
            self.say(f"  {stalled.text}")

    @contextmanager
    def shown(self) -> Generator[None]:
        """For as long as the run goes on."""
        yield

    @contextmanager
    def aside(self) -> Generator[None]:
        """For as long as the terminal belongs to somebody else."""
        yield


class Lines(Silent):
    """A line for each change: for files, pipes and debuggers."""

    def tell(self, news: News) -> None:
        """A task has changed."""
        if news.kind == "task" and news.state:
            self.say(f"  {news.state}")

    def say(self, text: str) -> None:
        """A line."""
        typer.echo(text, err=True)


class Drawing(Silent):
    """The tasks as they go on, below what they log."""

    def __init__(self, title: str, console: Console) -> None:
        self._board = Board(title)
        self._console = console
        # What tasks print is captured already.
        self._live = Live(
            self._board,
            console=console,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def tell(self, news: News) -> None:
        """Something has changed."""
        if news.kind == "task" and news.state:
            self._board.tell(news.state)
        elif news.kind == "run":
            self._board.become(news.state)

    def end(self, state: str, tasks: Iterable[Task]) -> None:
        """The run has ended: the last news may not have come any more."""
        self._board.become(state)
        for name, became, items in tasks:
            self._board.put(name, became, items)

    def say(self, text: str) -> None:
        """A line above the drawing."""
        self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def shown(self) -> Generator[None]:
        """For as long as the run goes on; its end stays to be seen."""
        with self._live:
            yield

    @contextmanager
    def aside(self) -> Generator[None]:
        """The drawing makes room."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start(refresh=True)


def display_for(title: str, *, json: bool, debug: bool) -> Silent:
    """What fits where standard error leads."""
    if json:
        return Silent()
    console = Console(file=sys.stderr)  # as it is now: tasks see another one
    return Drawing(title, console) if can_draw(console) and not debug else Lines()
