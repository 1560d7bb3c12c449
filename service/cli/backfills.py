"""Commands about backfills: begin one, list them, look at one, cancel one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triphammer.service.cli.completing import flow_names
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import fail, moment, print_fields, print_json, print_table
from triphammer.service.cli.reads import FlowOption, Limit
from triphammer.service.client.words import Only, Order

From = Annotated[
    str,
    typer.Option("--from", help="The first date or time, as 2026-01-31 or 2026-01-31T06:00+01:00."),
]
To = Annotated[str, typer.Option("--to", help="The last date (that whole day) or time.")]
Parallel = Annotated[int, typer.Option(min=1, max=1000, help="Runs at a time.")]
Ordering = Annotated[Order, typer.Option(help="Which ticks first: oldest or newest.")]
OnlyThese = Annotated[
    Only | None,
    typer.Option(help="missing: only ticks that never came; failed: only those that failed."),
]
Again = Annotated[bool, typer.Option("--again", help="Run also what has succeeded.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would happen to each tick.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show the progress until it is over.")]
BackfillId = Annotated[str, typer.Argument(help="A backfill; the id may be shortened.")]


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
    flow: Annotated[str, typer.Argument(help="A flow with a timer.", autocompletion=flow_names)],
    begin: From,
    end: To,
    dry_run: DryRun = False,
    max_parallel: Parallel = 1,
    order: Ordering = "oldest",
    only: OnlyThese = None,
    again: Again = False,
    wait: Wait = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Run a flow for the ticks its timers had between two dates, those that never came or did not
    succeed. With --wait the exit code is 1 unless all succeed."""
    given: dict[str, Any] = {
        "max_parallel": max_parallel,
        "order": order,
        "only": only,
        "again": again,
    }
    with connect(url) as daemon:
        if dry_run:
            _print_plan(daemon.plan_backfill(flow, begin, end, **given), json)
            return
        answer = daemon.begin_backfill(flow, begin, end, **given)
    if wait:
        from triphammer.service.cli.following import follow_backfill

        answer = follow_backfill(url, answer, quiet=json)
    if json:
        print_json(answer)
    else:
        typer.echo(f"{answer['id']} {answer['state']}: {_counts(answer)}")
    if wait and answer["state"] != "succeeded":
        raise fail(f"`triphammer backfills show {answer['id']}` tells which ticks")


def backfills(
    context: typer.Context,
    flow: FlowOption = None,
    limit: Limit = 20,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List backfills, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as daemon:
        answer = daemon.backfills(flow=flow, limit=limit).page()
        if flow is not None and not answer["items"]:
            daemon.flow(flow)  # which says so where there is none
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
        answer = daemon.backfill(id)
        ticks = list(daemon.ticks(answer["id"]))
    if json:
        print_json({**answer, "items": ticks, "next": None})
        return
    names = ("id", "flow", "state", "from", "to", "order", "only", "again", "max_parallel")
    told: Any = answer
    print_fields({name: told[name] for name in names} | {"ticks": _counts(answer)})
    typer.echo()
    _print_ticks(ticks)


def cancel(id: BackfillId, url: Url = URL, json: AsJson = False) -> None:
    """Begin no more ticks of a backfill; its runs under way go on."""
    with connect(url) as daemon:
        answer = daemon.cancel_backfill(id)
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
