"""What `--wait` shows until a run or a backfill is over. Apart from the commands, which must not
pay for these imports."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import typer
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from triphammer.service.cli.board import Board
from triphammer.service.cli.connecting import connect_async
from triphammer.service.cli.output import can_draw
from triphammer.service.cli.watching import watch
from triphammer.service.client.news import News
from triphammer.service.client.words import ENDED

if TYPE_CHECKING:
    from triphammer.service.web.models import Backfill, RunInFull

TICKS_DONE = ("succeeded", "failed", "cancelled", "superseded", "skipped")


def follow_run(url: str, run: RunInFull, *, quiet: bool) -> RunInFull:
    """The run once it has ended; its tasks are shown meanwhile, on a terminal's standard error."""
    console = Console(stderr=True)
    board = None if quiet or not can_draw(console) else Board(f"{run['flow']} {run['id']}")
    return anyio.run(partial(_follow_run, url, run, board, console))


async def _follow_run(url: str, run: RunInFull, board: Board | None, console: Console) -> RunInFull:
    async with connect_async(url) as daemon:
        if board is None:
            typer.echo(f"{run['id']} {run['state']}", err=True)  # who gives up can look later
            return await daemon.wait(run["id"])
        last = [run]
        board.show(run)
        with Live(board, console=console, refresh_per_second=4):

            async def look(news: list[News]) -> bool:
                last[0] = await daemon.run(run["id"])
                board.show(last[0])
                return last[0]["state"] in ENDED

            await watch(daemon, look, {"run": run["id"]})
        return last[0]


def follow_backfill(url: str, backfill: Backfill, *, quiet: bool) -> Backfill:
    """The backfill once it is over; a bar grows meanwhile."""
    return anyio.run(partial(_follow_backfill, url, backfill, quiet=quiet))


async def _follow_backfill(url: str, backfill: Backfill, *, quiet: bool) -> Backfill:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, quiet=quiet)
    last = [backfill]
    async with connect_async(url) as daemon:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task(backfill["flow"], total=backfill["total"])

            async def look(news: list[News]) -> bool:
                last[0] = await daemon.backfill(backfill["id"])
                counts = last[0]["ticks"]
                ended = sum(counts.get(state, 0) for state in TICKS_DONE)
                failed = counts.get("failed", 0)
                told = f"{backfill['flow']}: {failed} failed" if failed else backfill["flow"]
                progress.update(bar, completed=ended, description=told)
                return last[0]["finished_at"] is not None

            await watch(daemon, look, {"run": backfill["id"]})
    return last[0]
