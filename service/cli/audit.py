"""`triphammer audit`: who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import Moment, print_json, print_table

Who = Annotated[str | None, typer.Option("--who", help="Only of this token, by name; or local.")]
Action = Annotated[str | None, typer.Option("--action", help="Only this, such as pause_flow.")]
Since = Annotated[str | None, typer.Option("--since", help="Only from this time on (RFC 3339).")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many.")]
COLUMNS = ("AT", "WHO", "ACTION", "TARGET", "STATUS", "FROM")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(audit))


def audit(
    who: Who = None,
    action: Action = None,
    since: Since = None,
    limit: Limit = 50,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """List who did what, newest first."""
    with connect(url) as daemon:
        told = daemon.audit(who=who, action=action, since=since, limit=limit).page()
    if json:
        print_json(told)
        return
    rows = [
        (
            *(Moment(item["at"]), item["who"], item["action"]),
            *(item["target"], item["status"], item["address"]),
        )
        for item in told["items"]
    ]
    print_table(COLUMNS, rows, "Nothing was done yet.")
