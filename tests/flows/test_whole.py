"""A flow that uses the surface of a body, drawn and run: `flow.run(...)`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from triphammer import Event, Failed, Ok, chain, flow, publish, task, text
from triphammer.flows.errors import FlowError


@dataclass
class Order:
    id: int
    at: datetime
    tags: set[str]


class Frame:
    """Goes to the artifact store."""

    def __init__(self, rows: int) -> None:
        self.rows = rows


@task
def make(n: int) -> Order:
    return Order(n, datetime(2020, 1, 1), {"a"})


@task
async def use(order: Order, path: Path, when: datetime) -> list[str]:
    return [str(order.id), *order.tags, path.name, when.isoformat()]


@task
def load(rows: int) -> Any:
    return Frame(rows)


@task
def count(frame: Frame) -> int:
    return frame.rows


@task
def flaky(x: int, k: int = 0) -> int:
    if x == 2:
        raise ValueError("two")
    return x * 10 + k


@task
def judge(results: list[Ok[int] | Failed]) -> dict[str, list[int]]:
    good = [one.value for one in results if isinstance(one, Ok)]
    bad = [one.item for one in results if isinstance(one, Failed)]
    return {"good": good, "bad": bad}


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def pair() -> tuple[int, str]:
    return (1, "x")


@task
def third(p: tuple[int, str]) -> str:
    return f"{type(p).__name__} {p}"


@flow
def inner(n: int) -> object:
    order = make(n)
    return {"id": order["id"], "order": order}


@flow
def whole(event: Event, n: int = 3, when: datetime = datetime(2021, 1, 1)) -> object:
    made = inner(n)
    used = use(made["order"], text("a/{n}", n=made["id"]), when)
    rows = count(load(4))
    results = judge(flaky.options(errors="collect").partial(k=n).map([1, 2, 3]))
    add.options(when=rows > 10, name="never")(1, 2)
    done = add.options(when=(rows == 4) & ~(rows == n), name="done")(rows, results["good"][0])
    crossed = add.options(cross=True).map([1, 2], [10, 20])
    publish("loaded", {"rows": rows}, key=n)
    chain(used, [rows, done], crossed)
    return {
        "used": used,
        "results": results,
        "done": done,
        "crossed": crossed,
        "type": event.type,
        "third": third(pair()),
    }


def test_everything_at_once() -> None:
    assert whole.run(n=3) == {
        "used": ["3", "a", "3", "2021-01-01T00:00:00"],
        "results": {"good": [13, 33], "bad": [2]},
        "done": 17,
        "crossed": [11, 21, 12, 22],
        "type": "triphammer.run.requested",
        "third": "tuple (1, 'x')",
    }


@flow
def misfit(n: int) -> object:
    return use(n, "x", "2021-01-01")


@flow
def tuples() -> object:
    @task
    def untyped() -> Any:
        return (1, 2)

    return untyped()


def test_a_misfit_names_task_parameter_expected_and_got() -> None:
    with pytest.raises(FlowError) as caught:
        misfit.run(n=1)
    for part in ("use", "order", "Expected `object`, got `int`"):
        assert part in str(caught.value)


def test_a_result_that_would_change_names_its_task() -> None:
    with pytest.raises(FlowError, match="the result of untyped is a tuple, which JSON gives back"):
        tuples.run()
