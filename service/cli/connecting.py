"""The way to the daemon for every command: its library is loaded by those that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triphammer.service.cli.client import DaemonClient


def connect(url: str) -> DaemonClient:
    """A client of the daemon at `url`, to be used as a context manager."""
    from triphammer.service.cli.client import DaemonClient

    return DaemonClient(url)
