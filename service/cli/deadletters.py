"""Commands about what was given up: list, redrive, skip."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import Id, Moment, fail, print_json, print_table
from triphammer.service.cli.reads import FlowOption, Limit
from triphammer.service.client.words import DeadKind

Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids of dead letters; they may be shortened.")
]
Kind = Annotated[
    DeadKind | None, typer.Option(help="Only of this kind: run, event, message or record.")
]
Target = Annotated[str | None, typer.Option(help="Only for this URL or topic.")]
Since = Annotated[
    str | None, typer.Option(help="Only what died at or after this time, as 2027-01-31T06:00Z.")
]
Until = Annotated[str | None, typer.Option(help="Only what died before this time.")]
All = Annotated[bool, typer.Option("--all", help="Every dead letter.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        help="""List what was given up, kind by kind, the newest first; `redrive` tries it again,
        `skip` lets it go.

        Kinds: `run` (a failed run), `event` (did not fit its flow), `message` (was not delivered),
        `record` (of Kafka, cannot be decoded).""",
        invoke_without_command=True,
    )
    group.callback()(reports_errors(deadletters))
    group.command()(reports_errors(redrive))
    group.command()(reports_errors(skip))
    app.add_typer(group, name="deadletters")


def deadletters(
    context: typer.Context,
    kind: Kind = None,
    flow: FlowOption = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List dead letters kind by kind, the newest first; `redrive` and `skip` act on them."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as daemon:
        answer = daemon.deadletters(
            kind=kind, flow=flow, target=target, since=since, until=until, limit=limit
        ).page()
        if flow is not None and not answer["items"]:
            daemon.flow(flow)  # which says so where there is none
    if json:
        print_json(answer)
        return
    rows = [
        (Id(i["id"]), i["kind"], i["flow"], i["target"], i["key"], Moment(i["at"]), i["reason"])
        for i in answer["items"]
    ]
    columns = ("ID", "KIND", "FLOW", "TARGET", "KEY", "DIED", "REASON")
    print_table(columns, rows, "No dead letters.")


def redrive(
    ids: Ids = None,
    kind: Kind = None,
    flow: FlowOption = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
    all: All = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Try dead letters again: a message under its id, a run or event as a new run, each in its
    old place of its order. Name ids, a filter or --all. With --target, messages go to a target
    again that was disabled because it answered 410."""
    which = _which(ids, all, kind=kind, flow=flow, target=target, since=since, until=until)
    with connect(url) as daemon:
        answer = daemon.redrive(**which)
    if json:
        print_json(answer)
        return
    typer.echo(f"{answer['redriven']} redriven")
    for run in answer["runs"]:
        typer.echo(run)
    if answer["enabled"]:
        typer.echo(f"{target} is enabled again")
    _tell_missed(answer)


def skip(
    ids: Ids = None,
    kind: Kind = None,
    flow: FlowOption = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
    all: All = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Give dead letters up for good; what waits behind them goes on. Name ids, a filter or
    --all."""
    which = _which(ids, all, kind=kind, flow=flow, target=target, since=since, until=until)
    with connect(url) as daemon:
        answer = daemon.skip(**which)
    if json:
        print_json(answer)
    else:
        typer.echo(f"{answer['skipped']} skipped")
        _tell_missed(answer)


def _tell_missed(answer: Any) -> None:
    if answer["not_dead"]:
        typer.echo(f"not dead: {', '.join(answer['not_dead'])}", err=True)
    for item in answer["refused"]:
        typer.echo(f"{item['id']}: {item['reason']}", err=True)
    if answer["refused"]:
        raise typer.Exit(1)


def _which(ids: list[str] | None, all: bool, **conditions: str | None) -> dict[str, Any]:
    which: dict[str, Any] = {n: value for n, value in conditions.items() if value is not None}
    if ids:
        which["ids"] = ids
    if all:
        which["all"] = True
    if not which:
        raise fail("which ones? name ids, a filter such as --flow or --target, or --all")
    return which
