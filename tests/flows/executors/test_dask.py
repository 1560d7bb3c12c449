"""A real Dask cluster: killed workers, results taken by the next daemon, what may be sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest

from tests.contracts.executor_cases import Bench, Make, Pipe, at_work, case, make_dask
from tests.flows.executors.process_flow import odd
from tests.support.dask_cluster import DaskCluster, dask_cluster, published
from triphammer.config.secrets import Secrets
from triphammer.flows.codec import decode
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.plan import Plan
from triphammer.flows.errors import FlowError
from triphammer.flows.executors.contract import Attempt, AttemptResult
from triphammer.flows.executors.dask.link import DaskConnection

pytestmark = pytest.mark.anyio
PLAN = Plan(definition_of(odd))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    with dask_cluster() as running:
        yield running


@pytest.fixture
def make(cluster: DaskCluster) -> Make:
    return make_dask(cluster.address)


def value(bench: Bench, result: AttemptResult) -> Any:
    assert result.value is not None, result.error
    return decode(result.value, Any, bench.artifacts)


async def until_published(cluster: DaskCluster, prefix: str, count: int) -> None:
    """Return once the scheduler keeps so many futures; each look takes a connection."""
    names: list[str] = []
    while len([name for name in names if prefix in name]) < count:
        names = await anyio.to_thread.run_sync(published, cluster.address)


class Waiting:
    """An attempt that says which process it is in and waits until it is let go."""

    def __init__(self, folder: Path, name: str) -> None:
        self.begun = Pipe(folder / f"{name}.begun")
        self.go = folder / f"{name}.go"
        os.mkfifo(self.go)
        self.count = folder / f"{name}.count"
        self.data = [self.begun.path, str(self.go), str(self.count)]
        self.name = name
        self.attempt = self.again(0)

    def again(self, epoch: int) -> Attempt:
        """The same attempt, as the daemon of that epoch asks for it."""
        made = case("counts", self.data, plan=PLAN, task=self.name)
        return msgspec.structs.replace(made, id=msgspec.structs.replace(made.id, epoch=epoch))

    async def let_go(self) -> None:
        await anyio.to_thread.run_sync(self.go.write_text, "go")

    @property
    def times(self) -> int:
        """How often it has begun."""
        return len(self.count.read_text().splitlines())


async def test_a_killed_worker_fails_its_attempt_and_dask_does_not_run_it_again(
    make: Make, cluster: DaskCluster, tmp_path: Path
) -> None:
    one = Waiting(tmp_path, "killed")
    async with at_work(make) as bench:
        bench.executor.submit([one.attempt])
        pid = int(await one.begun.written())
        await anyio.to_thread.run_sync(cluster.kill_worker, pid)
        result = await bench.result(one.attempt.id)
        assert result.error is not None
        assert result.error.type == "WorkerDied"
        assert result.retryable
        assert one.times == 1
        assert (await bench.of(case("give", 1, task="after_the_kill"))).error is None


async def test_the_next_daemon_takes_the_result_and_does_not_run_it_again(
    make: Make, cluster: DaskCluster, tmp_path: Path
) -> None:
    one, two = Waiting(tmp_path, "goes_on"), Waiting(tmp_path, "ends_meanwhile")
    async with at_work(make, folder_id="folder_1") as bench:
        bench.executor.submit([one.attempt, two.attempt])
        first, second = await one.begun.written(), await two.begun.written()
        # Published only a moment after they were submitted.
        await until_published(cluster, "folder_1", 2)
    await two.let_go()
    async with at_work(make, folder_id="folder_1") as bench:
        bench.executor.submit([one.again(1), two.again(1)])
        assert value(bench, await bench.result(two.again(1).id)) == int(second)
        await one.let_go()
        assert value(bench, await bench.result(one.again(1).id)) == int(first)
    assert (one.times, two.times) == (1, 1)


async def test_a_session_in_memory_leaves_nothing_with_the_scheduler(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    one = Waiting(tmp_path, "left")
    async with at_work(make_dask(cluster.address)) as bench:
        bench.executor.submit([one.attempt])
        await one.begun.written()
        await bench.of(case("give", 1, task="taken"))
    await one.let_go()
    names = await anyio.to_thread.run_sync(published, cluster.address)
    assert [name for name in names if "-local-" in name] == []


async def test_a_task_that_the_scheduler_forgot_is_a_failed_attempt(tmp_path: Path) -> None:
    one = Waiting(tmp_path, "forgotten")
    with dask_cluster() as mine:
        async with at_work(make_dask(mine.address), folder_id="folder_2") as bench:
            bench.executor.submit([one.attempt])
            await one.begun.written()
            await until_published(mine, "folder_2", 1)
            await anyio.to_thread.run_sync(mine.begin_anew)
            result = await bench.result(one.attempt.id)
            assert result.error is not None
            assert result.error.message == "the Dask scheduler does not know the task any more"
            assert result.retryable
            assert (await bench.of(case("give", 1, task="after"))).error is None


async def test_what_has_begun_keeps_its_slot_and_a_retry_waits_for_it(
    make: Make, tmp_path: Path
) -> None:
    one = Waiting(tmp_path, "given_up")
    async with at_work(make) as bench:
        bench.executor.submit([one.attempt])
        await one.begun.written()
        await bench.until_said(one.name, "begun")
        bench.executor.cancel(one.attempt.id)
        result = await bench.result(one.attempt.id)
        assert result.cancelled
        assert result.still_running
        retry = case("give", 5, task="given_up", number=2)
        bench.executor.submit([retry])
        assert bench.executor.running == 2
        await one.let_go()
        assert value(bench, await bench.result(retry.id)) == 5
        assert one.attempt.id in bench.released


async def test_a_scheduler_that_cannot_be_reached_is_reported_and_work_waits() -> None:
    async with at_work(make_dask("tcp://127.0.0.1:1")) as bench:
        one = case("give", 1)
        bench.executor.submit([one])
        await bench.until_told("tcp://127.0.0.1:1 cannot be reached")
        bench.executor.cancel(one.id)
        assert (await bench.result(one.id)).cancelled


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"adress": "x"}, "adress"),
        ({"address": 1}, "address"),
        ({"address": "host:8786"}, "tcp://"),
        ({"address": "tls://h:1", "ssl_cafile": "gone.pem"}, "there is no file gone.pem"),
        ({}, "address"),
    ],
)
def test_a_wrong_connection_is_named(table: dict[str, Any], said: str) -> None:
    with pytest.raises(FlowError, match=rf"\[connections.dask\].*{said}"):
        DaskConnection.of(table)


def test_tls_needs_no_more_than_the_files() -> None:
    distributed: Any = import_module("distributed")
    assert DaskConnection("tcp://host:1").security(distributed) is None
    security = DaskConnection("tls://host:1", "ca.pem", "cert.pem", "key.pem").security(distributed)
    assert security.require_encryption
    found = security.tls_ca_file, security.tls_client_cert, security.tls_client_key
    assert found == ("ca.pem", "cert.pem", "key.pem")


def test_without_a_connection_the_way_is_told() -> None:
    with pytest.raises(Exception, match=r"add \[connections.dask\] to triphammer.toml"):
        Secrets().connection("dask")


def test_only_secrets_that_the_sources_name_are_sent(tmp_path: Path) -> None:
    (tmp_path / "IN_FOLDER").write_text("from the folder")
    secrets = Secrets(
        values={"NAMED": "first value", "OTHER": "other value"},
        folder=tmp_path,
        connections={"db": {"password": "secret:NAMED"}, "unused": {"password": "hidden"}},
    )
    sources = ['secret("NAMED"); secret("IN_FOLDER"); connection("db")']
    sent = Secrets.of_parts(secrets.parts_named(sources))
    assert sent.value("NAMED") == "first value"
    assert sent.value("IN_FOLDER") == "from the folder"
    assert sent.connection("db") == {"password": "first value"}
    assert sent.missing(["OTHER"]) == ["OTHER"]
    assert "other value" not in repr(secrets.parts_named(sources))
    assert sent.mask("first value") == "***"
