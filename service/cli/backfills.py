"""Commands about backfills: begin one, list them, look at one, cancel one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triphammer.config.ids import new_id
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import fail, print_fields, print_json, print_table
from triphammer.service.cli.reads import Limit, moment

if TYPE_CHECKING:
    from triphammer.service.cli.client import DaemonClient

From = Annotated[
    str,
    typer.Option("--from", help="The first date or time, as 2026-01-31 or 2026-01-31T06:00+01:00."),
]
To = Annotated[str, typer.Option("--to", help="The last date (that whole day) or time.")]
Parallel = Annotated[int, typer.Option(min=1, max=1000, help="Runs at a time.")]
Order = Annotated[str, typer.Option(help="Which ticks first: oldest or newest.")]
Only = Annotated[
    str | None,
    typer.Option(help="missing: only ticks that never came; failed: only those that failed."),
]
Again = Annotated[bool, typer.Option("--again", help="Run also what has succeeded.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would happen to each tick.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show the progress until it is over.")]
BackfillId = Annotated[str, typer.Argument(help="A backfill; the id may be shortened.")]
PATH = "/api/v1/backfills"
DONE = ("succeeded", "failed", "cancelled", "superseded", "skipped")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(reports_errors(backfill))
    group = typer.Typer(
        help="List backfills, newest first; `show` prints one with its ticks, `cancel` ends one.",
        invoke_without_command=True,
    )
    group.callback()(reports_errors(backfills))
    group.command()(reports_errors(show))
    group.command()(reports_errors(cancel))
    app.add_typer(group, name="backfills")


def backfill(
    flow: Annotated[str, typer.Argument(help="A flow with a timer.")],
    begin: From,
    end: To,
    dry_run: DryRun = False,
    max_parallel: Parallel = 1,
    order: Order = "oldest",
    only: Only = None,
    again: Again = False,
    wait: Wait = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Run a flow for the ticks its timers had between two dates, those that never came or did not
    succeed. With --wait the exit code is 1 unless all succeed."""
    body = {
        "from": begin,
        "to": end,
        "max_parallel": max_parallel,
        "order": order,
        "only": only,
        "again": again,
    }
    path = f"/api/v1/flows/{flow}/backfills"
    with connect(url) as daemon:
        if dry_run:
            _print_plan(daemon.post(f"{path}/plan", json=body, patient=True), json)
            return
        # The key makes it safe to send the request again after a lost answer.
        headers = {"Idempotency-Key": new_id("msg")}
        answer = daemon.post(path, json=body, headers=headers, patient=True)
        if wait:
            answer = _watch(daemon, answer, quiet=json)
    if json:
        print_json(answer)
    else:
        typer.echo(f"{answer['id']} {answer['state']}: {_counts(answer)}")
    if wait and answer["state"] != "succeeded":
        raise fail(f"`triphammer backfills show {answer['id']}` tells which ticks")


def backfills(
    context: typer.Context,
    flow: Annotated[str | None, typer.Option(help="Only of this flow.")] = None,
    limit: Limit = 20,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List backfills, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as daemon:
        answer = daemon.get(PATH, flow=flow, limit=limit)
    if json:
        print_json(answer)
        return
    rows = [
        (i["id"], i["flow"], i["state"], moment(i["from"]), moment(i["to"]), _counts(i))
        for i in answer["items"]
    ]
    print_table(("BACKFILL", "FLOW", "STATE", "FROM", "TO", "TICKS"), rows, "No backfills.")


def show(id: BackfillId, url: Url = URL, json: AsJson = False) -> None:
    """Show one backfill with its ticks."""
    with connect(url) as daemon:
        answer = daemon.get(f"{PATH}/{id}")
        page = answer
        while page["next"] is not None:
            page = daemon.get(f"{PATH}/{id}", after=page["next"])
            answer["items"] += page["items"]
    if json:
        print_json({**answer, "next": None})
        return
    names = ("id", "flow", "state", "from", "to", "order", "only", "again", "max_parallel")
    print_fields({name: answer[name] for name in names} | {"ticks": _counts(answer)})
    typer.echo()
    _print_ticks(answer["items"])


def cancel(id: BackfillId, url: Url = URL, json: AsJson = False) -> None:
    """Begin no more ticks of a backfill; its runs under way go on."""
    with connect(url) as daemon:
        answer = daemon.post(f"{PATH}/{id}/cancel")
    if json:
        print_json(answer)
    else:
        typer.echo(f"{answer['id']} {answer['state']}: {_counts(answer)}")


def _print_plan(answer: Any, json: bool) -> None:
    if json:
        print_json(answer)
        return
    _print_ticks(answer["items"], {"pending": "run", "skipped": "skip"})
    run, skip = (answer["ticks"].get(state, 0) for state in ("pending", "skipped"))
    typer.echo(f"{run} to run, {skip} to skip; nothing was done")


def _print_ticks(ticks: list[Any], words: dict[str, str] | None = None) -> None:
    named = words or {}
    rows = [(t["due"], named.get(t["state"], t["state"]), t["run"], t["detail"]) for t in ticks]
    print_table(("DUE", "STATE" if words is None else "WHAT", "RUN", "WHY"), rows, "No tick.")


def _counts(answer: Any) -> str:
    told = ", ".join(f"{n} {state}" for state, n in answer["ticks"].items())
    return f"{told} of {answer['total']}"


def _watch(daemon: DaemonClient, answer: Any, *, quiet: bool) -> Any:
    """The backfill once it is over, its progress shown meanwhile."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, quiet=quiet)
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(answer["flow"], total=answer["total"])
        for state in _states(daemon, answer["id"]):
            ended = sum(state["ticks"].get(name, 0) for name in DONE)
            failed = state["ticks"].get("failed", 0)
            told = f"{state['flow']}: {failed} failed" if failed else state["flow"]
            progress.update(bar, completed=ended, description=told)
            answer = state
    return answer


def _states(daemon: DaemonClient, id: str) -> Iterator[Any]:
    """The backfill as it goes on, told by the live stream; the last one is over."""
    import httpx

    while True:
        with daemon.stream("/api/v1/stream", run=id) as lines:
            try:
                while True:
                    # Asked after the stream is open: an end between the two cannot be missed.
                    state = daemon.get(f"{PATH}/{id}")
                    yield state
                    if state["finished_at"] is not None:
                        return
                    if not any(line.startswith("data:") for line in lines):
                        break
            except httpx.HTTPError:
                continue  # the stream broke off: it is opened again
