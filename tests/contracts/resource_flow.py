"""Tasks that take resources, for every kind of executor. What is opened and closed is recorded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio

from triphammer.flows.credentials import connection
from triphammer.flows.flow import flow
from triphammer.flows.references import event
from triphammer.flows.resource import resource, use
from triphammer.flows.task import task


def record(*words: object) -> None:
    with Path(connection("record")["file"]).open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


def place() -> str:
    try:
        current = id(asyncio.current_task())
    except RuntimeError:
        current = 0
    return f"{threading.get_ident()}/{current}"


@resource
def ledger() -> Iterator[list[str]]:
    where = place()
    record("open ledger", where)
    yield ["ledger"]
    assert place().partition("/")[0] == where.partition("/")[0]
    record("close ledger", where)


@resource
async def pool(ledger: list[str] = use(ledger)) -> AsyncIterator[list[str]]:
    async with anyio.create_task_group() as group:
        where = place()
        group.start_soon(anyio.sleep_forever)
        await anyio.sleep(0.01)
        record("open pool", where)
        yield ["pool", *ledger]
        assert place() == where
        record("close pool", where)
        group.cancel_scope.cancel()


@resource
def refused() -> Iterator[int]:
    record("try refused")
    if place():
        raise ConnectionRefusedError("nobody there")
    yield 1


@resource
async def above_refused(below: int = use(refused)) -> AsyncIterator[int]:
    yield below


@task
def plain(ledger: list[str] = use(ledger)) -> list[str]:
    return ledger


@task
async def on_loop(pool: list[str] = use(pool), *, seconds: float = 0) -> list[str]:
    await anyio.sleep(seconds)
    return pool


@task
async def both(n: int, ledger: list[str] = use(ledger), pool: list[str] = use(pool)) -> list[Any]:
    return [n, ledger, pool]


@task
def cannot(refused: int = use(refused)) -> int:
    return refused


@task
async def cannot_either(above: int = use(above_refused)) -> int:
    return above


@task
def takes_none(n: int) -> int:
    return n


@flow
def using() -> None:
    plain()
    plain.options(name="given")(event.data)
    on_loop()
    both(event.data)
    cannot()
    cannot_either()
    takes_none(event.data)
