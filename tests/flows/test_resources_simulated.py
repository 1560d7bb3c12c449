"""Resources in the testing kit, and what stands in their place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from triphammer import flow, resource, task, use
from triphammer.testing import simulate

RECORD: list[str] = []


class Pool:
    def __init__(self, name: str = "real") -> None:
        self.name = name

    def __call__(self) -> None:
        raise AssertionError("a value is not called")


@resource
async def pg() -> AsyncIterator[Pool]:
    RECORD.append("open")
    yield Pool()
    RECORD.append("close")


@resource
async def repository(pg: Pool = use(pg)) -> AsyncIterator[str]:
    yield f"on {pg.name}"


@task
async def load(n: int, pg: Pool = use(pg)) -> str:
    return f"{n} {pg.name}"


@task
async def read(repository: str = use(repository)) -> str:
    return repository


@flow
def each(n: int) -> object:
    return load(n)


@flow
def loading(n: int) -> object:
    return [load(n), read(), each.map([1])]


async def made() -> Pool:
    return Pool("made")


async def opened() -> AsyncIterator[Pool]:
    RECORD.append("open fake")
    yield Pool("opened")
    RECORD.append("close fake")


def plain() -> Iterator[Pool]:
    yield Pool("plain")


def test_the_real_one_is_opened_once_and_closed_at_the_end() -> None:
    RECORD.clear()
    with simulate(loading) as sim:
        assert sim.start(loading, n=1).result == ["1 real", "on real", ["1 real"]]
        sim.start(loading, n=2)
        assert RECORD == ["open"]
    assert RECORD == ["open", "close"]


@pytest.mark.parametrize(
    ("fake", "name"),
    [
        (Pool("fake"), "fake"),
        (Pool, "real"),
        (lambda: Pool("lambda"), "lambda"),
        (made, "made"),
        (opened, "opened"),
        (plain, "plain"),
    ],
)
def test_what_stands_in_its_place_stands_there_everywhere(fake: Any, name: str) -> None:
    RECORD.clear()
    with simulate(loading, overrides={pg: fake}) as sim:
        run = sim.start(loading, n=1)
        assert run.result == [f"1 {name}", f"on {name}", [f"1 {name}"]]
    assert (["open fake", "close fake"] if fake is opened else []) == RECORD


def test_a_key_that_is_neither_is_an_error() -> None:
    wrong: Any = {"pg": 1}
    with pytest.raises(TypeError, match="a key is a task or a resource"):
        simulate(loading, overrides=wrong)
