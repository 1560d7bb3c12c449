"""The way to the daemon for every command: its library is loaded by those that use it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from triphammer.service.cli.address import project_url
from triphammer.service.cli.options import Address

if TYPE_CHECKING:
    from triphammer.service.cli.client import DaemonClient


def connect(url: str) -> DaemonClient:
    """A client of the daemon at `url`, to be used as a context manager; without one of the
    project's that the working directory lies in. It shows the token that came with `url`."""
    from triphammer.service.cli.client import DaemonClient

    token = url.token if isinstance(url, Address) else ""
    return DaemonClient(url or project_url(Path.cwd(), os.environ), token=token)
