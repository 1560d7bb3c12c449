"""`@resource` and `use`: what they make, and what they refuse."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from triphammer.flows.errors import GraphError, NotInTask
from triphammer.flows.resource import Resource, resource, use, uses_of
from triphammer.flows.task import task


@resource
def ledger() -> Iterator[int]:
    """Counts."""
    yield 1


@resource
async def pool(ledger: int = use(ledger)) -> AsyncIterator[str]:
    yield str(ledger)


def test_it_knows_its_function_and_what_it_is_made_of() -> None:
    assert (ledger.name, ledger.is_async, ledger.__doc__) == ("ledger", False, "Counts.")
    assert (pool.is_async, dict(pool.uses)) == (True, {"ledger": ledger})
    assert list(pool.all_used()) == [pool, ledger]
    assert repr(pool) == "<resource pool>"


def test_a_task_knows_what_it_is_given() -> None:
    @task
    async def load(rows: list[int], pg: str = use(pool), n: int = 1) -> None: ...

    assert load.spec.uses == {"pg": pool}
    assert "pg: str = use(pool)" in str(inspect.signature(load.fn)).replace("'", "")
    assert uses_of(print) == {}


def test_outside_of_a_task_its_default_says_what_to_do() -> None:
    default: Any = use(pool)
    with pytest.raises(NotInTask, match=r"pool is opened for running tasks only: give pool to"):
        default.fetch()
    with pytest.raises(GraphError, match=r"pool is a resource: a task takes it as a default"):
        pool()


def test_what_is_no_resource_is_refused() -> None:
    returns: Any = lambda: 1  # noqa: E731
    with pytest.raises(GraphError, match="must yield what it opens"):
        resource(returns)

    def needs(dsn: str) -> Iterator[int]:
        yield len(dsn)

    with pytest.raises(GraphError, match="needs: a resource takes only others, dsn=use"):
        resource(needs)
    wrong: Any = ledger.fn
    with pytest.raises(GraphError, match=r"use\(\) got .*: it takes what @resource has made"):
        use(wrong)


def test_plain_functions_take_no_resource_of_a_loop() -> None:
    def plain(pg: str = use(pool)) -> None: ...

    message = "plain is a plain function and pool lives on an event loop: make plain async, or"
    with pytest.raises(GraphError, match=message):
        task(plain)

    def below(pg: str = use(pool)) -> Iterator[str]:
        yield pg

    with pytest.raises(GraphError, match="below is a plain function and pool lives"):
        resource(below)
    assert isinstance(pool, Resource)
