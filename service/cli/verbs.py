"""Commands that ask the daemon to do something: start, emit, hook, pause, resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from triphammer.config.ids import new_id
from triphammer.service.cli.completing import flow_names
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import (
    URL,
    AsJson,
    Params,
    Url,
    json_argument,
    parse_params,
    parse_texts,
    reports_errors,
)
from triphammer.service.cli.output import fail, print_json

if TYPE_CHECKING:
    from triphammer.service.client.sync import Client
    from triphammer.service.web.models import Accepted

FlowName = Annotated[str, typer.Argument(help="A flow.", autocompletion=flow_names)]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (start, emit, hook, pause, resume):
        app.command()(reports_errors(command))


def start(
    flow: FlowName,
    param: Params = None,
    event: Annotated[
        str | None, typer.Option("--event", help="The key of a stored event to run on.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Start a run in the daemon. With --wait the exit code is 1 unless it succeeds."""
    params = parse_params(param)
    with connect(url) as daemon:
        if event is None:
            _hint(daemon, flow)
        run = daemon.start(flow, params, event=event)
    if wait:
        from triphammer.service.cli.following import follow_run

        run = follow_run(url, run, quiet=json)
    _print(run, json, f"{run['id']} {run['state']}")
    if wait and run["state"] != "succeeded":
        why = "" if run["error"] is None else f"{run['error']['type']}: {run['error']['message']}; "
        raise fail(f"{why}`triphammer show {run['id']}` and `triphammer logs` tell more")


def _hint(daemon: Client, flow: str) -> None:
    """Say on standard error what the flow will miss that is started without an event."""
    from triphammer.service.client.errors import Refused

    try:
        reads = daemon.flow(flow)["event_reads"]
    except Refused:  # the start itself will say what is wrong
        return
    if reads:
        named = "" if reads == ["event"] else f" ({', '.join(reads)})"
        typer.echo(
            f"{flow} reads the event that starts it{named}, and this start brings none: --event KEY"
            " names a stored one (`triphammer events`); `triphammer emit` and `hook` send one",
            err=True,
        )


def emit(
    type: Annotated[str, typer.Argument(help="The event's type, such as shop.order.paid.")],
    data: Annotated[str, typer.Option(help="JSON, or @FILE.")] = "null",
    subject: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    source: Annotated[str, typer.Option(help="Where it comes from.")] = "triphammer/cli",
    id: Annotated[
        str | None, typer.Option(help="Its id: the same (source, id) starts nothing twice.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Give it a new id even if --id came before.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Post an event; prints what became of it."""
    name = new_id("evt") if id is None else f"{id}#{new_id('evt')}" if again else id
    value = json_argument(data, "--data")
    with connect(url) as daemon:
        accepted = daemon.emit(type, value, subject=subject, source=source, id=name)
    _print(accepted, json, _became(accepted))


def hook(
    path: Annotated[str, typer.Argument(help="The path of a webhook, as its flow names it.")],
    data: Annotated[str, typer.Option(help="JSON, or @FILE with JSON.")] = "null",
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", metavar="NAME=VALUE", help="A header; repeatable."),
    ] = None,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Deliver to a webhook, as its sender would; prints what became of it."""
    body, headers = json_argument(data, "--data"), parse_texts(header, "--header")
    with connect(url) as daemon:
        accepted = daemon.deliver(path, body, headers=headers)
    _print(accepted, json, _became(accepted))


def _became(accepted: Accepted) -> str:
    runs = ", ".join(accepted["runs"]) or "no flow began a run"
    text = "duplicate: it came before" if accepted["duplicate"] else runs
    return f"{accepted['event']}: {text}"


def pause(flow: FlowName, url: Url = URL, json: AsJson = False) -> None:
    """Begin no more runs of a flow; its events are kept and wait."""
    with connect(url) as daemon:
        answer = daemon.pause(flow)
    _print(answer, json, f"{flow}: paused")


def resume(flow: FlowName, url: Url = URL, json: AsJson = False) -> None:
    """Begin runs of a paused flow again, the waiting ones first."""
    with connect(url) as daemon:
        answer = daemon.resume(flow)
    _print(answer, json, f"{flow}: live")


def _print(value: Any, as_json: bool, text: str) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
