"""`context().results`: what the tasks right before one have given, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from tests.flows.engine.bench import shop
from triphammer.flows.context import context
from triphammer.flows.flow import flow
from triphammer.flows.groups import group
from triphammer.flows.task import task

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@task
def give(value: Any) -> Any:
    return value


@task
def fail() -> None:
    raise ValueError("no")


@task(trigger_rule="all_done")
def look(*names: str) -> list[Any]:
    found: list[Any] = []
    for name in names:
        try:
            found.append(context().results[name])
        except KeyError as error:
            found.append(error.args[0])
    return [*found, sorted(context().results), len(context().results)]


@flow
def by_name() -> None:
    with group("first"):
        one = give({"n": 1})
    many = give.options(name="many").map([1, 2])
    failing = fail()
    far = give.options(name="far")(0) >> give.options(name="near")(1)
    seen = look("give", "many", "fail", "far", "nothing")
    for before in (one, many, failing, far):
        before >> seen  # pyright: ignore[reportUnusedExpression]


async def test_by_name_whatever_they_are_before_it_for(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        found = (await s.ran(by_name)).value("look")
    assert found[:2] == [{"n": 1}, [1, 2]]
    assert found[2] == "'fail' has no result: it is failed"
    assert found[3].startswith("'far' does not stand right before this task (first.give, many,")
    assert found[4].startswith("'nothing' does not stand")
    assert found[5:] == [["first.give", "many", "near"], 3]
