"""The kinds of store, each on each loop that it runs on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.contracts.store_cases import opening, running
from triphammer.service.store.sqlite.store import SqliteStore

KINDS = [("file", "asyncio"), ("memory", "asyncio"), ("memory", "trio")]


@pytest.fixture(params=KINDS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def anyio_backend(kind: tuple[str, str]) -> str:
    return kind[1]


@pytest.fixture
async def store(kind: tuple[str, str], tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    async with running(opening(kind[0], tmp_path / "data")) as opened:
        yield opened.store
