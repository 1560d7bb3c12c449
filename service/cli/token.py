"""`triphammer token`: who may talk to the daemon, and what they may do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from triphammer.service.cli.options import URL, AsJson, Config, Url, reports_errors
from triphammer.service.cli.output import print_json, print_table

Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder; default: the project's.")
]
Name = Annotated[str, typer.Argument(help="Of the client that has it.")]
Scopes = Annotated[
    list[str], typer.Option("--scope", help="read, emit, operate or admin; may come repeatedly.")
]
Expires = Annotated[
    str | None, typer.Option("--expires", help="After so long, such as 90d; default: never.")
]
COLUMNS = ("NAME", "STATE", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "ID")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(help="Tokens: create, list and revoke them.", no_args_is_help=True)
    group.command()(reports_errors(create))
    group.command("list")(reports_errors(list_tokens))
    group.command()(reports_errors(revoke))
    app.add_typer(group, name="token")


def create(
    name: Name,
    scope: Scopes,
    expires: Expires = None,
    data: Data = None,
    config: Config = None,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Make a token and print it, this once. Without a daemon it is put into the data folder;
    that is how the first one is made."""
    made = _book(data, config, url).create(name, scope, _seconds(expires))
    if json:
        print_json(made)
        return
    typer.echo(made["token"])
    typer.echo("It is not shown again; commands take it from TRIPHAMMER_TOKEN.", err=True)


def list_tokens(
    data: Data = None, config: Config = None, url: Url = URL, json: AsJson = False
) -> None:
    """List all tokens, revoked ones too; never their texts."""
    found = _book(data, config, url).list()
    if json:
        print_json(found)
        return
    rows = [
        (
            *(item["name"], item["state"], " ".join(item["scopes"]), item["created_at"]),
            *(item["expires_at"] or "never", item["used_at"] or "never", item["id"]),
        )
        for item in found["items"]
    ]
    print_table(COLUMNS, rows, "no tokens; `triphammer token create NAME --scope admin` makes one")


def revoke(
    name: Annotated[str, typer.Argument(help="Its name or id.")],
    data: Data = None,
    config: Config = None,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Let a token open nothing any more, at once."""
    gone = _book(data, config, url).revoke(name)
    if json:
        print_json(gone)
    else:
        typer.echo(f"{gone['name']}: revoked")


def _seconds(expires: str | None) -> int | None:
    from triphammer.config.durations import parse_duration
    from triphammer.config.errors import DurationError

    if expires is None:
        return None
    try:
        given = parse_duration(expires) // timedelta(seconds=1)
    except DurationError as error:
        raise typer.BadParameter(str(error), param_hint="--expires") from None
    if given < 1:
        raise typer.BadParameter("that is no time at all", param_hint="--expires")
    return given


def _book(data: Path | None, config: Path | None, url: str) -> Any:
    from triphammer.service.cli.tokens import book_for

    return book_for(data, config, url)
