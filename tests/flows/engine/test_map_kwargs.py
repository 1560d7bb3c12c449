"""Maps over mappings of arguments, as Airflow's `expand_kwargs`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from triphammer import flow, task
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import GraphError
from triphammer.testing import simulate


@task
def rows() -> list[dict[str, Any]]:
    return [{"shop": "north", "count": 3}, {"shop": "south"}]


@task(retries=2)
def book(shop: str, count: int = 1, *, region: str = "eu") -> str:
    return f"{region}/{shop}/{count + 1}"


@flow
def booking() -> Any:
    return book.map_kwargs(rows())


@flow
def fixed() -> Any:
    return book.partial(region="us").map_kwargs([{"shop": "a"}, {"count": 4, "shop": "b"}])


def test_each_row_gives_the_arguments_by_name() -> None:
    with simulate(booking, fixed) as sim:
        assert sim.start(booking).result == ["eu/north/4", "eu/south/2"]
        run = sim.start(fixed)
        assert run.result == ["us/a/2", "us/b/5"]
        assert sorted(run.tasks()) == ["book", "book[0]", "book[1]"]


@flow
def wrong(given: list[Any]) -> Any:
    return book.partial(region="us").map_kwargs(given)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"shop": "a", "cnt": 1}, r"book\[0\]: got an unexpected keyword argument 'cnt'"),
        ({"count": 1}, r"book\[0\]: missing a required argument: 'shop'"),
        ({"shop": "a", "region": "eu"}, r"book\[0\]: region is fixed for all items already"),
        (["a"], r"book\[0\]: map_kwargs\(\) takes mappings of arguments, got list"),
        ({"shop": "a", "count": "many"}, "argument 'count'"),
    ],
)
def test_a_row_that_does_not_fit_fails_without_retry(row: Any, message: str) -> None:
    with simulate(wrong) as sim:
        run = sim.start(wrong, given=[row])
        assert run.state == "failed"
        one = run.task("book[0]")
        assert one.attempt == 1
        assert one.error is not None
        assert one.error.type == "ValueMisfit"
        assert re.search(message, one.error.message), one.error.message


def test_what_is_wrong_at_load() -> None:
    @flow
    def misnamed() -> None:
        book.partial(regoin="us").map_kwargs([])

    with pytest.raises(GraphError, match=r"has no argument 'regoin'.*region"):
        definition_of(misnamed)

    @flow
    def no_list() -> None:
        book.map_kwargs({"shop": "a"})

    with pytest.raises(GraphError, match="maps over a list"):
        definition_of(no_list)
