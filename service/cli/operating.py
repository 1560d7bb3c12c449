"""Commands about one run: cancel, retry."""

from __future__ import annotations

from getpass import getuser
from typing import Annotated, Any

import typer

from triphammer.config.ids import new_id
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import print_json

RunId = Annotated[str, typer.Argument(help="A run; the id may be shortened.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (cancel, retry):
        app.command()(reports_errors(command))


def cancel(run: RunId, url: Url = URL, json: AsJson = False) -> None:
    """End a run that is queued or under way."""
    with connect(url) as daemon:
        answer = daemon.post(f"/api/v1/runs/{run}/cancel")
    _print(answer, json, f"{answer['id']}: cancelling")


def retry(
    run: RunId,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="This task and all behind it; also enrich[17] and shop[3]/load."
        ),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what failed, of maps these items.")
    ] = False,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Let a run that has ended begin again: whole, from a task on, or only what failed."""
    body = {"from": since, "failed_only": failed}
    with connect(url) as daemon:
        answer = daemon.post(f"/api/v1/runs/{run}/retry", json=body, headers=_who())
    _print(answer, json, f"{answer['id']}: {answer['state']}")


def _who() -> dict[str, str]:
    """Who asks, and a key that makes it safe to send the request again after a lost answer."""
    return {"Triphammer-By": f"{_user()} (cli)", "Idempotency-Key": new_id("msg")}


def _user() -> str:
    try:
        return getuser().encode("ascii", "replace").decode()[:100]
    except (KeyError, OSError):  # no name for this number
        return "somebody"


def _print(value: Any, as_json: bool, text: str) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
