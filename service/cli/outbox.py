"""Commands about outgoing messages: list them, show one with its content."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import (
    Id,
    Moment,
    json_line,
    print_fields,
    print_json,
    print_table,
)
from triphammer.service.cli.reads import FlowOption, Limit
from triphammer.service.client.words import MessageState

COLUMNS = ("MESSAGE", "KIND", "TO", "KEY", "STATE", "ATTEMPTS", "CREATED", "ERROR")
State = Annotated[MessageState | None, typer.Option(help="Only messages in this state.")]
Kind = Annotated[str | None, typer.Option(help="Only of this kind: webhook, kafka, ...")]
Target = Annotated[str | None, typer.Option(help="Only for this URL or topic.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        help="List outgoing messages, newest first; `show` prints one with its content.",
        invoke_without_command=True,
    )
    group.callback()(reports_errors(outbox))
    group.command()(reports_errors(show))
    app.add_typer(group, name="outbox")


def outbox(
    context: typer.Context,
    state: State = None,
    kind: Kind = None,
    target: Target = None,
    flow: FlowOption = None,
    limit: Limit = 20,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List outgoing messages, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as daemon:
        found = daemon.outbox(state=state, kind=kind, target=target, flow=flow, limit=limit)
        answer = found.page()
        if flow is not None and not answer["items"]:
            daemon.flow(flow)  # which says so where there is none
    if json:
        print_json(answer)
        return
    rows = [
        (
            *(Id(m["id"]), m["kind"], m["target"], m["key"], m["state"], m["attempts"]),
            *(Moment(m["created_at"]), m["error"]),
        )
        for m in answer["items"]
    ]
    narrowed = any((state, kind, target, flow))
    print_table(COLUMNS, rows, "No message matches." if narrowed else "Nothing was sent yet.")


def show(
    id: Annotated[str, typer.Argument(help="A message; the id may be shortened.")],
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Show one outgoing message with its content; secrets are masked."""
    with connect(url) as daemon:
        answer: Any = daemon.message_in_full(id)
    if json:
        print_json(answer)
        return
    print_fields({name: value for name, value in answer.items() if name not in ("body", "headers")})
    for name, value in answer["headers"].items():
        typer.echo(f"{name}: {value}")
    if answer["body"] is not None:
        body = answer["body"]
        typer.echo(f"\n{body if isinstance(body, str) else json_line(body)}")
