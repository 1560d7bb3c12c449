"""Where `triphammer token` finds the tokens: at the daemon, or in the folder that none uses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import anyio

from triphammer.config.clock import SystemClock
from triphammer.service.access.tokens import Tokens
from triphammer.service.cli.connecting import connect, whoever
from triphammer.service.cli.folder import data_folder
from triphammer.service.errors import FolderLocked
from triphammer.service.store.opening import open_folder
from triphammer.service.web import views


class Book(Protocol):
    """What can be done about tokens; answers are those of the API."""

    def create(self, name: str, scopes: Sequence[str], expires_in: int | None) -> Any: ...
    def list(self) -> Any: ...
    def revoke(self, name: str) -> Any: ...


def book_for(data: Path | None, config: Path | None, url: str) -> Book:
    """The daemon's at `url` if one is named; else the folder's, or those of its daemon."""
    if url:
        return Remote(url)
    return Local(data_folder(data, config), Remote(url))


class Remote:
    """Through a running daemon."""

    def __init__(self, url: str) -> None:
        self._url = url

    def create(self, name: str, scopes: Sequence[str], expires_in: int | None) -> Any:
        given: Any = scopes  # what is none the daemon knows best
        with connect(self._url) as daemon:
            return daemon.create_token(name, given, expires_in=expires_in)

    def list(self) -> Any:
        with connect(self._url) as daemon:
            return daemon.tokens().page()

    def revoke(self, name: str) -> Any:
        with connect(self._url) as daemon:
            return daemon.revoke_token(name)


class Local:
    """In a data folder. A daemon that uses it is asked instead."""

    def __init__(self, folder: Path, daemon: Remote) -> None:
        self._folder = folder
        self._daemon = daemon

    def create(self, name: str, scopes: Sequence[str], expires_in: int | None) -> Any:
        async def make(tokens: Tokens) -> Any:
            row, text = await tokens.create(name, scopes, expires_in=expires_in, by=whoever())
            return {**views.token(row, tokens.now()), "token": text}

        return self._here(make, lambda: self._daemon.create(name, scopes, expires_in))

    def list(self) -> Any:
        async def show(tokens: Tokens) -> Any:
            items = [views.token(row, tokens.now()) for row in tokens.rows()]
            return {"items": items, "next": None}

        return self._here(show, self._daemon.list)

    def revoke(self, name: str) -> Any:
        async def take(tokens: Tokens) -> Any:
            return views.token(await tokens.revoke(name), tokens.now())

        return self._here(take, lambda: self._daemon.revoke(name))

    def _here(self, act: Callable[[Tokens], Awaitable[Any]], elsewhere: Callable[[], Any]) -> Any:
        try:
            return anyio.run(_with_tokens, self._folder, act)
        except FolderLocked:
            return elsewhere()


async def _with_tokens(folder: Path, act: Callable[[Tokens], Awaitable[Any]]) -> Any:
    def failed(error: Exception) -> None:
        """Whoever waits for the commit is told as well."""

    found: list[Any] = []
    async with (
        open_folder(folder, failed=failed, published=lambda _: None) as opened,
        anyio.create_task_group() as group,
    ):
        await group.start(opened.run)
        try:
            found.append(await act(await Tokens.load(opened.store, SystemClock())))
        finally:
            opened.close()
    return found[0]
