"""Commands that list what the daemon has: flows, runs, events."""

from __future__ import annotations

from typing import Annotated

import typer

from triphammer.service.cli.completing import flow_names, tags_of_runs
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.lists import EVENTS, FLOWS, RUNS, event_rows, flow_rows, run_rows
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import fail, print_json, print_table
from triphammer.service.client.words import RunState

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")]
FlowOption = Annotated[
    str | None, typer.Option("--flow", help="Only of this flow.", autocompletion=flow_names)
]
Since = Annotated[
    str | None, typer.Option("--since", help="Only from this time on, as 2027-01-31T06:00Z.")
]
Until = Annotated[str | None, typer.Option("--until", help="Only before this time.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on, and show what changes.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (flows, runs, events):
        app.command()(reports_errors(command))


def flows(watch: Watch = False, url: Url = URL, json: AsJson = False) -> None:
    """List the flows that serve now, with their sources and next fire."""
    if watch:
        from triphammer.service.cli.live import watch_flows

        watch_flows(url, json=json)
        return
    with connect(url) as daemon:
        answer = daemon.flows().page()
    if json:
        print_json(answer)
        return
    print_table(FLOWS, flow_rows(answer), "No flow is loaded; `triphammer check` says why.")
    for error in answer["errors"]:
        typer.echo(f"error: {error}", err=True)


def runs(
    flow: FlowOption = None,
    state: Annotated[RunState | None, typer.Option(help="Only runs in this state.")] = None,
    event: Annotated[str | None, typer.Option(help="Only runs on this event.")] = None,
    tag: Annotated[
        str | None, typer.Option(help="Only runs with this tag.", autocompletion=tags_of_runs)
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    watch: Watch = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List runs, newest first; with --watch go on as they come and change."""
    if watch and (since or until):
        raise fail("--watch shows what comes: leave --since and --until out", 2)
    with connect(url) as daemon:
        found = daemon.runs(
            flow=flow, state=state, event=event, tag=tag, since=since, until=until, limit=limit
        )
        answer = found.page()
        if flow is not None and not answer["items"]:
            daemon.flow(flow)  # which says so where there is none, and names one that is near
    if watch:
        from triphammer.service.cli.live import watch_runs

        asked = {"flow": flow, "state": state, "event": event, "tag": tag, "limit": limit}
        watch_runs(url, asked, json=json)
        return
    if json:
        print_json(answer)
        return
    narrowed = any((flow, state, event, tag, since, until))
    print_table(RUNS, run_rows(answer["items"]), "No run matches." if narrowed else "No runs yet.")


def events(
    type: Annotated[str | None, typer.Option(help="Only events of this type.")] = None,
    source: Annotated[str | None, typer.Option(help="Only events from this source.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="Only events whose subject begins so.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only events with this text in it.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    tail: Annotated[
        bool, typer.Option("--tail", "-t", help="Go on, and print each event as it comes.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List events, newest first; with --tail the last ones, then each as it comes."""
    if tail and (since or until):
        raise fail("--tail shows what comes: leave --since and --until out", 2)
    if tail:
        from triphammer.service.cli.live import tail_events

        asked = {"type": type, "source": source, "subject": subject, "q": search}
        tail_events(url, asked, limit=limit, json=json)
        return
    with connect(url) as daemon:
        found = daemon.events(
            type=type,
            source=source,
            subject=subject,
            q=search,
            since=since,
            until=until,
            limit=limit,
        )
        answer = found.page()
    if json:
        print_json(answer)
        return
    narrowed = any((type, source, subject, search, since, until))
    empty = "No event matches." if narrowed else "No events yet."
    print_table(EVENTS, event_rows(answer["items"]), empty)
