"""Commands about what flows remember: get, set, delete."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from triphammer.service.cli.completing import flow_names
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, json_argument, reports_errors
from triphammer.service.cli.output import fail, json_line, print_json

FlowName = Annotated[str, typer.Argument(help="A flow.", autocompletion=flow_names)]
KeyName = Annotated[str, typer.Argument(help="A key of its state.")]
MaybeKey = Annotated[str | None, typer.Argument(help="A key of its state.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Also while a task of the flow is under way: what it writes has the last word.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        help="Look at what a flow remembers (`state` in its tasks), and change it.",
        no_args_is_help=True,
    )
    for command in (get, set, delete):
        group.command()(reports_errors(command))
    app.add_typer(group, name="state")


def get(flow: FlowName, key: MaybeKey = None, url: Url = URL, json: AsJson = False) -> None:
    """Print all keys of a flow's state, or the value of one as JSON."""
    with connect(url) as daemon:
        if key is not None:
            one = daemon.state_value(flow, key)
            print_json(one if json else one["value"])
            return
        answer = daemon.state(flow)
    if json:
        print_json(answer)
    else:
        lines = [f"{name} = {json_line(value)}" for name, value in answer["values"].items()]
        typer.echo("\n".join(lines) or f"{flow} remembers nothing.")


def set(
    flow: FlowName,
    key: KeyName,
    value: Annotated[str, typer.Argument(help="JSON, or @FILE; other text is an error.")],
    force: Force = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Write a value of a flow's state. Refused while a task of the flow is under way."""
    given = json_argument(value, "VALUE")
    with connect(url) as daemon:
        answer = daemon.set_state(flow, key, given, force=force)
    _tell(answer, json, f"{flow}: {key} is set")


def delete(
    flow: FlowName,
    key: MaybeKey = None,
    all: Annotated[bool, typer.Option("--all", help="All keys.")] = False,
    force: Force = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Delete a key of a flow's state, or all. Refused while a task of the flow is under way."""
    if (key is None) is not all:
        raise fail("which ones? name a key, or --all", 2)
    with connect(url) as daemon:
        if key is None:
            answer = daemon.clear_state(flow, force=force)
        else:
            answer = daemon.delete_state(flow, key, force=force)
    _tell(answer, json, f"{flow}: deleted {', '.join(answer['keys']) or 'nothing'}")


def _tell(answer: Any, json: bool, text: str) -> None:
    if json:
        print_json(answer)
        return
    typer.echo(text)
    if answer["under_way"]:
        tasks = ", ".join(answer["under_way"])
        typer.echo(f"note: {tasks} was under way and may overwrite it at its end", err=True)
