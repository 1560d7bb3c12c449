"""What `triphammer check` does, apart from it: reading commands must not pay for its imports."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import typer

from triphammer.config.loading import load_settings
from triphammer.config.secrets import Secrets
from triphammer.service.checking import Findings, check_project
from triphammer.service.cli.output import print_json


def check_here(path: Path | None, config: Path | None, *, json: bool, build: bool) -> None:
    """Check the project or `path`, print what was found, and exit 1 on errors."""
    loaded = load_settings(Path.cwd(), config=config, flags={})
    secrets = Secrets.of(loaded)
    findings = anyio.run(partial(check_project, loaded, secrets, path, say=_say if build else None))
    if json:
        print_json(findings)
    else:
        _print(findings)
    if findings.errors:
        raise typer.Exit(1)


def _say(text: str) -> None:
    typer.echo(f"  {text}", err=True)


def _print(findings: Findings) -> None:
    for text in findings.errors:
        typer.echo(text, err=True)
    for text in findings.warnings:
        typer.echo(f"warning: {text}")
    for name in findings.missing_secrets:
        typer.echo(f"warning: secret {name} has no value (TRIPHAMMER_SECRETS__{name})")
    good = ", ".join(findings.flows) or "none"
    typer.echo(f"good flows: {good}; errors: {len(findings.errors)}")
