"""Commands about the daemon itself: how it is, its figures, the circuit breakers of tasks."""

from __future__ import annotations

import typer

from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Url, reports_errors
from triphammer.service.cli.output import Moment, print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (health, metrics, breakers):
        app.command()(reports_errors(command))


def health(url: Url = URL, json: AsJson = False) -> None:
    """Say how the daemon is, part by part; exit 1 where it is not ready."""
    with connect(url) as daemon:
        daemon.live()
        answer = daemon.ready()
    if json:
        print_json(answer)
    else:
        rows = [
            (name, "ok" if part["ok"] else "failed", Moment(part["since"]), part["reason"])
            for name, part in answer["parts"].items()
        ]
        print_table(("PART", "STATE", "SINCE", "WHY"), rows, "It tells its parts to readers only.")
        typer.echo("ready" if answer["status"] == "ok" else "not ready")
    if answer["status"] != "ok":
        raise typer.Exit(1)


def metrics(url: Url = URL) -> None:
    """Print the daemon's figures in Prometheus' text format."""
    with connect(url) as daemon:
        typer.echo(daemon.metrics(), nl=False)


def breakers(url: Url = URL, json: AsJson = False) -> None:
    """List the circuit breakers of tasks, and how each stands."""
    with connect(url) as daemon:
        answer = daemon.breakers().page()
    if json:
        print_json(answer)
        return
    rows = [
        (b["name"], b["state"], b["failures"], b["waiting"], Moment(b["until"] or ""))
        for b in answer["items"]
    ]
    columns = ("BREAKER", "STATE", "FAILURES", "WAITING", "UNTIL")
    print_table(columns, rows, "No attempt has met a circuit breaker.")
