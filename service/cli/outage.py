"""What live commands say when the daemon is away for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from triphammer.service.cli.options import told

if TYPE_CHECKING:
    from triphammer.service.client.errors import Unreachable


def tell_lost(error: Unreachable, pause: float) -> None:
    """Say on standard error that a stream broke off; it is opened again after `pause` seconds."""
    typer.echo(f"{told(error)}; trying again in {pause:g} s", err=True)
