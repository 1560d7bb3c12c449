"""`triphammer check`: everything that is wrong with the flows, as `file:line: message`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from triphammer.config.loading import load_settings
from triphammer.config.secrets import Secrets
from triphammer.service.checking import Findings, check_project
from triphammer.service.cli.options import AsJson, Config, reports_errors
from triphammer.service.cli.output import print_json


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reports_errors(check))


def check(
    path: Annotated[
        Path | None, typer.Argument(help="A flow file or folder; default: the project's flows.")
    ] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Load every flow and report errors, warnings and missing secrets; exit 1 on errors."""
    loaded = load_settings(Path.cwd(), config=config, flags={})
    secrets = Secrets.of(loaded)
    findings = anyio.run(partial(check_project, loaded, secrets, path))
    if json:
        print_json(findings)
    else:
        _print(findings)
    if findings.errors:
        raise typer.Exit(1)


def _print(findings: Findings) -> None:
    for text in findings.errors:
        typer.echo(text, err=True)
    for text in findings.warnings:
        typer.echo(f"warning: {text}")
    for name in findings.missing_secrets:
        typer.echo(f"warning: secret {name} has no value (TRIPHAMMER_SECRETS__{name})")
    good = ", ".join(findings.flows) or "none"
    typer.echo(f"{len(findings.flows)} flows are good: {good}; {len(findings.errors)} errors")
