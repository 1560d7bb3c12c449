"""Both clients, asked the same: what one does the other does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from triphammer.service.client.asynchronous import AsyncClient
from triphammer.service.client.sync import Client

Ask = Callable[..., Any]
Options = dict[str, Any]


def blocking(
    url: str,
    method: str,
    *args: Any,
    options: Options | None = None,
    into: list[Any] | None = None,
    **given: Any,
) -> Any:
    """What the client that waits answers; what is iterated as a list, `into` one if given."""
    found: list[Any] = [] if into is None else into
    with Client(url, **(options or {})) as client:
        told = getattr(client, method)(*args, **given)
        if hasattr(told, "keys"):
            return told
        for item in told:
            found += [item]
    return found


def awaited(
    url: str,
    method: str,
    *args: Any,
    options: Options | None = None,
    into: list[Any] | None = None,
    **given: Any,
) -> Any:
    """What the client that is awaited answers; what is iterated as a list, `into` one if given."""
    found: list[Any] = [] if into is None else into

    add = found.append

    async def ask() -> Any:
        async with AsyncClient(url, **(options or {})) as client:
            told = getattr(client, method)(*args, **given)
            if not hasattr(told, "__aiter__"):
                return await told
            async for item in told:
                add(item)
        return found

    return anyio.run(ask)


both = pytest.mark.parametrize("ask", [blocking, awaited])
