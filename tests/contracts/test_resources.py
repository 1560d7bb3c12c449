"""Resources in every kind of executor: opened once a place, at first use, closed where opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts import executor_cases
from tests.contracts.executor_cases import KINDS, Bench, Make, at_work, make_dask
from tests.contracts.resource_flow import using
from tests.support.dask_cluster import DaskCluster, dask_cluster
from triphammer.config.secrets import Secrets
from triphammer.flows.codec import decode
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.plan import Plan
from triphammer.flows.errors import ResourceFailed
from triphammer.flows.executors.contract import Attempt, AttemptResult

pytestmark = pytest.mark.anyio
PLAN = Plan(definition_of(using))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    with dask_cluster() as running:
        yield running


@pytest.fixture(params=[*KINDS, "dask"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["async", "inline", "process", "dask"])
def loop_kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Desk:
    """What is recorded, and attempts that record there."""

    def __init__(self, folder: Path, cluster: DaskCluster) -> None:
        self._file = folder / "record"
        self._cluster = cluster
        self.secrets = Secrets(values={}, connections={"record": {"file": str(self._file)}})

    def make(self, kind: str) -> Make:
        return make_dask(self._cluster.address) if kind == "dask" else KINDS[kind]

    def case(self, node: str, data: Any = None, number: int = 1) -> Attempt:
        return executor_cases.case(
            node, data, task=f"{node}[{number}]", plan=PLAN, secrets=self.secrets
        )

    @property
    def lines(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.exists() else []

    def count(self, what: str) -> int:
        return sum(line.startswith(what) for line in self.lines)


@pytest.fixture
def desk(tmp_path: Path, cluster: DaskCluster) -> Desk:
    return Desk(tmp_path, cluster)


def value_of(bench: Bench, result: AttemptResult) -> Any:
    assert result.error is None, result.error
    assert result.value is not None
    return decode(result.value, Any, bench.artifacts)


async def test_a_plain_one_is_opened_once_a_place_and_closed_there(desk: Desk, kind: str) -> None:
    async with at_work(desk.make(kind), secrets=desk.secrets) as bench:
        for number in range(4):
            result = await bench.of(desk.case("plain", number=number))
            assert value_of(bench, result) == ["ledger"]
    opened = [line.removeprefix("open ") for line in desk.lines if line.startswith("open")]
    assert 1 <= len(opened) <= 2
    assert len(set(opened)) == len(opened)
    if kind != "dask":  # there the worker lives on: see tests/flows/executors/test_seats.py
        closed = [line.removeprefix("close ") for line in desk.lines if line.startswith("close")]
        assert sorted(closed) == sorted(opened)


async def test_concurrent_first_uses_open_one_with_what_it_is_made_of(
    desk: Desk, loop_kind: str
) -> None:
    attempts = [desk.case("both", n, number=n) for n in range(20)]
    async with at_work(desk.make(loop_kind), secrets=desk.secrets) as bench:
        bench.executor.submit(attempts)
        results = [await bench.result(one.id) for one in attempts]
        values = [value_of(bench, result) for result in results]
    assert values == [[n, ["ledger"], ["pool", "ledger"]] for n in range(20)]
    places = {"process": 2, "dask": 8}.get(loop_kind, 1)
    assert 1 <= desk.count("open pool") <= places
    if loop_kind != "dask":  # its workers may have a ledger of the test before
        assert desk.count("open ledger") == desk.count("open pool")
        assert desk.count("close pool") == desk.count("open pool")
        assert desk.count("close ledger") == desk.count("open ledger")
    if places == 1:
        assert [line.rpartition(" ")[0] for line in desk.lines] == [
            "open ledger",
            "open pool",
            "close pool",
            "close ledger",
        ]


@pytest.mark.parametrize("node", ["cannot", "cannot_either"])
async def test_what_cannot_be_opened_fails_the_attempt_and_is_tried_anew(
    desk: Desk, loop_kind: str, node: str
) -> None:
    async with at_work(desk.make(loop_kind), secrets=desk.secrets) as bench:
        results = [await bench.of(desk.case(node, number=number)) for number in range(2)]
    for result in results:
        assert result.error is not None
        assert result.error.type == ResourceFailed.__name__
        assert "the resource refused cannot be opened" in result.error.message
        assert "ConnectionRefusedError: nobody there" in result.error.message
        assert "nobody there" in result.error.traceback
        assert result.retryable
        assert "builtins.ConnectionError" in result.kinds
    assert desk.count("try refused") == 2


async def test_who_takes_none_or_is_given_one_opens_none(desk: Desk, kind: str) -> None:
    async with at_work(desk.make(kind), secrets=desk.secrets) as bench:
        assert value_of(bench, await bench.of(desk.case("takes_none", 3))) == 3
        assert value_of(bench, await bench.of(desk.case("given", ["mine"]))) == ["mine"]
    assert desk.lines == []


async def test_those_of_flows_out_of_service_are_closed(desk: Desk, kind: str) -> None:
    if kind == "dask":
        pytest.skip("nobody tells of reloads there")
    async with at_work(desk.make(kind), secrets=desk.secrets) as bench:
        keeper: Any = bench.executor
        for number in range(4):
            await bench.of(desk.case("plain", number=number))
        keeper.keep([PLAN.flow])
        await bench.of(desk.case("plain", number=5))
        before = desk.count("close")
        keeper.keep([])
        while desk.count("close ledger") < desk.count("open ledger"):
            await bench.of(desk.case("takes_none", 1, number=len(bench.results)))
        # A run of the old version goes on: what it takes is closed after it.
        await bench.of(desk.case("plain", number=1000))
        while desk.count("close ledger") < desk.count("open ledger"):
            await bench.of(desk.case("takes_none", 1, number=len(bench.results)))
    assert before == 0
