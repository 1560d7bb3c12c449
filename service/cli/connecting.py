"""The way to the daemon for every command: its library is loaded by those that use it."""

from __future__ import annotations

import os
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

from triphammer.config.address import project_url
from triphammer.service.cli.options import Address

if TYPE_CHECKING:
    from triphammer.service.client.asynchronous import AsyncClient
    from triphammer.service.client.sync import Client


def connect(url: str) -> Client:
    """A client of the daemon at `url`, to be used as a context manager; without one of the
    project's that the working directory lies in. It shows the token that came with `url`."""
    from triphammer.service.client.sync import Client

    return Client(_place(url), token=_token(url), by=whoever())


def connect_async(url: str) -> AsyncClient:
    """The same, awaited."""
    from triphammer.service.client.asynchronous import AsyncClient

    return AsyncClient(_place(url), token=_token(url), by=whoever())


def _place(url: str) -> str:
    return url or project_url(Path.cwd(), os.environ)


def _token(url: str) -> str:
    return url.token if isinstance(url, Address) else ""


def whoever() -> str:
    """Who asks, for the record of a daemon that asks nobody."""
    try:
        return f"{getuser()[:100]} (cli)"
    except (KeyError, OSError):  # no name for this number
        return "somebody (cli)"
