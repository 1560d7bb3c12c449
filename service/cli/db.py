"""`triphammer db`: look after the data folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from triphammer.config.durations import format_duration
from triphammer.service.cli.connecting import connect
from triphammer.service.cli.options import URL, AsJson, Config, Url, reports_errors
from triphammer.service.cli.output import print_fields, print_json

Data = Annotated[
    Path | None, typer.Option("--data", help="The data folder; default: the project's.")
]
Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(help="Check, back up, prune and migrate the store.", no_args_is_help=True)
    for command in (check, backup, prune, migrate, size):
        group.command()(reports_errors(command))
    app.add_typer(group, name="db")


def check(data: Data = None, config: Config = None, json: AsJson = False) -> None:
    """Read every page and artifact and report what is damaged, missing or does not fit; exit 1
    on trouble. A daemon may be running."""
    from triphammer.service.store.inspection import inspect

    found = inspect(_folder(data, config))
    if json:
        print_json(found)
    else:
        for trouble in found.troubles:
            typer.echo(trouble, err=True)
        for note in found.notes:
            typer.echo(f"note: {note}")
        verdict = f"{len(found.troubles)} troubles" if found.troubles else "ok"
        counts = [f"{count} {kind}" for kind, count in found.counts.items()]
        told = ", ".join([f"schema {found.schema}", *counts])
        typer.echo(f"{found.folder}: {verdict} ({told})")
    if found.troubles:
        raise typer.Exit(1)


def backup(
    target: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    data: Data = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Copy the data folder as it is at one moment, artifacts included. A daemon may be running;
    `triphammer serve --data TARGET` serves from the copy."""
    from triphammer.service.store.backup import back_up

    done = back_up(_folder(data, config), target)
    if json:
        print_json(done)
        return
    typer.echo(f"{done.folder}: {done.bytes} bytes, {done.artifacts} artifacts")
    if done.missing:
        typer.echo(f"note: {done.missing} artifacts were missing; see `triphammer db check`")


def prune(
    dry_run: Dry = False,
    data: Data = None,
    config: Config = None,
    url: Url = URL,
    json: AsJson = False,
) -> None:
    """Remove at once what `[retention]` no longer keeps. A running daemon is asked to do it."""
    from triphammer.service.cli.pruning import prune_here

    swept = prune_here(data, config, url, dry=dry_run)
    if json:
        print_json(swept)
        return
    told = ", ".join(f"{count} {kind}" for kind, count in swept.items() if count) or "nothing"
    typer.echo(f"{'would remove' if dry_run else 'removed'}: {told}")


def migrate(
    dry_run: Dry = False, data: Data = None, config: Config = None, json: AsJson = False
) -> None:
    """Bring the database to this version's schema, as the next start of the daemon would. No
    daemon may be running; a newer database is refused."""
    from triphammer.service.store.upgrade import upgrade

    before, after = upgrade(_folder(data, config), dry=dry_run)
    if json:
        print_json({"from": before, "to": after, "changed": before != after and not dry_run})
    elif before == after:
        typer.echo(f"schema {after}: nothing to do")
    else:
        typer.echo(f"schema {before} {'would become' if dry_run else 'is now'} {after}")


def size(url: Url = URL, json: AsJson = False) -> None:
    """Print how large the database of the running daemon is, what it holds and for how long."""
    with connect(url) as daemon:
        answer = daemon.store()
    if json:
        print_json(answer)
        return
    told: dict[str, Any] = {name: value for name, value in answer.items() if name != "retention"}
    print_fields({name.replace("_", " "): value for name, value in told.items()})
    kept = answer["retention"]
    periods = {name: kept[name] for name in ("payload", "failed", "identities", "audit")}
    print_fields({f"keeps {name}": _period(value) for name, value in periods.items()})
    print_fields({"keeps at most": kept["events"] and f"{kept['events']} events"})


def _period(seconds: float | None) -> str:
    """As the settings write it; None: it is not removed by age."""
    return "for ever" if seconds is None else format_duration(timedelta(seconds=seconds))


def _folder(data: Path | None, config: Path | None) -> Path:
    from triphammer.service.cli.folder import data_folder

    return data_folder(data, config)
