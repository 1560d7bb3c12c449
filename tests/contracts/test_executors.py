"""One contract suite over every kind of executor."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from tests.contracts.executor_cases import (
    CANCELLABLE,
    KINDS,
    Bench,
    Make,
    Pipe,
    at_work,
    case,
    make_dask,
)
from tests.support.dask_cluster import DaskCluster, dask_cluster
from triphammer.flows.codec import decode
from triphammer.flows.context import TaskContext, current_context
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.executors.contract import AttemptResult
from triphammer.flows.journal import Encoded, ErrorInfo
from triphammer.flows.workdir import RunFolder

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    with dask_cluster() as running:
        yield running


def chosen(request: pytest.FixtureRequest) -> Make:
    if request.param == "dask":
        return make_dask(request.getfixturevalue("cluster").address)
    return KINDS[request.param]


@pytest.fixture(params=[*KINDS, "dask"])
def make(request: pytest.FixtureRequest) -> Make:
    return chosen(request)


@pytest.fixture(params=["async", "inline", "process", "env", "dask"])
def make_loop(request: pytest.FixtureRequest) -> Make:
    return chosen(request)


@pytest.fixture(params=list(CANCELLABLE))
def make_cancellable(request: pytest.FixtureRequest) -> Make:
    return chosen(request)


def value_of(bench: Bench, result: AttemptResult) -> Any:
    assert result.error is None, result.error
    assert result.value is not None
    return decode(result.value, Any, bench.artifacts)


async def test_a_result_is_stored_and_timed(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("give", {"n": 1}))
    assert result.value == Encoded("json", b'{"n":1}')
    assert result.error is None
    assert 0 < result.started_at <= result.finished_at


async def test_an_error_is_described_masked_and_begins_in_the_users_code(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("boom"))
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("ValueError", "no luck with ***")
    assert result.retryable
    assert "boom" in result.error.traceback
    assert "/executors/" not in result.error.traceback.replace("/h/executors/", "/")
    assert "hunter2" not in result.error.traceback


async def test_leaving_the_interpreter_fails_the_attempt_only(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("leave"))
        after = await bench.of(case("give", 1))
    assert result.error is not None
    assert result.error.type == "SystemExit"
    assert after.error is None


async def test_a_broken_message_does_not_hide_the_failure(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("broken_message"))
    assert result.error is not None
    assert result.error.type.endswith("Broken")
    assert "RuntimeError" in result.error.message


@pytest.mark.parametrize("node", ["pair", "unstorable"])
async def test_a_value_that_cannot_be_stored_is_a_misfit_without_retry(
    make: Make, node: str
) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case(node))
    assert result.error is not None
    assert result.error.type == ValueMisfit.__name__
    assert result.error.message.startswith(f"the result of {node}")
    assert not result.retryable


async def test_a_task_skips_itself_with_a_reason(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("skips"))
    assert (result.skipped, result.retryable, result.outbox) == (True, False, ())
    assert result.error == ErrorInfo("Skip", "no news of ***")


async def test_a_task_fails_for_good(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("gives_up"))
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("Fail", "for good")
    assert (result.skipped, result.retryable) == (False, False)


async def test_an_object_is_kept_as_an_artifact_and_taken_by_the_next(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("thing", artifacts=bench.artifacts))
        assert result.value is not None
        assert result.value.kind == "artifact"
        assert value_of(bench, result).name == "one"
        after = case("name_of", results={"thing": result.value}, artifacts=bench.artifacts)
        assert value_of(bench, await bench.of(after)) == "one"


async def test_the_body_sees_its_context_and_nobody_elses_variables(make: Make) -> None:
    async with at_work(make) as bench:
        first = await bench.of(case("look", task="first", number=2))
        second = await bench.of(case("look", task="second"))
    assert first.value == Encoded("json", b'["first",2,"run_1","cases","clean"]')
    assert second.value == Encoded("json", b'["second",1,"run_1","cases","clean"]')
    assert current_context() is None
    assert [c.task for c in bench.ended] == ["first", "second"]


async def test_messages_starts_and_state_go_with_the_result(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("ask", state={"n": b"1"}))
    [message], [request] = result.outbox, result.starts
    assert (message.target, message.body, message.key) == ("topic", b'{"n":2}', "k")
    assert (request.flow, request.params) == ("other", b'{"a":1}')
    assert result.state_writes == {"n": b"2"}


async def test_a_failed_attempt_asks_for_nothing(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("ask_and_fail"))
    assert result.error is not None
    assert (result.outbox, result.starts, result.state_writes) == ((), (), {})


async def test_secrets_and_connections_are_values_in_a_task(make: Make) -> None:
    async with at_work(make) as bench:
        assert value_of(bench, await bench.of(case("credentials"))) == [True, "db.example"]


async def test_the_deadline_is_the_begin_and_the_timeout(make: Make) -> None:
    async with at_work(make) as bench:
        result = await bench.of(case("deadline_in_30"))
        without = await bench.of(case("deadline"))
    begun = datetime.fromtimestamp(result.started_at / 1e6, UTC)
    found = datetime.fromisoformat(value_of(bench, result))
    assert (found - begun).total_seconds() == pytest.approx(30, abs=1e-3)
    assert value_of(bench, without) is None


async def test_the_runs_folder_is_there_and_known_to_be_used(make: Make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "run_1", used=False)
    async with at_work(make) as bench:
        value_of(bench, await bench.of(case("note", "a.txt", folder=folder)))
    assert folder.used
    assert (folder.path / "a.txt").read_text() == "here"


async def test_what_a_body_prints_and_logs_is_kept_with_its_attempt(make: Make) -> None:
    async with at_work(make) as bench:
        await bench.of(case("says", number=3))
    assert [(n, line.level, line.text) for _, n, line in bench.lines] == [
        (3, "PRINT", "printed ***"),
        (3, "WARNING", "logged"),
        (3, "INFO", "told"),
    ]


async def test_what_a_body_prints_is_there_while_it_goes_on(make: Make, tmp_path: Path) -> None:
    if make == KINDS["inline"]:
        pytest.skip("blocks the one loop there is")
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    one = case("says_and_waits", str(fifo))
    async with at_work(make) as bench:
        bench.executor.submit([one])
        await bench.until_said("says_and_waits", "before")
        assert one.id not in bench.results
        await anyio.to_thread.run_sync(fifo.write_text, "go")
        assert (await bench.result(one.id)).error is None


async def test_a_file_is_kept_and_read_wherever_the_body_runs(make: Make, tmp_path: Path) -> None:
    async with at_work(make) as bench:
        folder = RunFolder(tmp_path, "run_1", used=False)
        kept = await bench.of(case("keeps", artifacts=bench.artifacts, folder=folder))
        assert kept.value is not None, kept.error
        results = {"keeps": kept.value}
        read = await bench.of(case("reads", artifacts=bench.artifacts, results=results))
    (row,) = kept.kept
    assert (row.name, row.media_type, row.size) == ("kept.txt", "text/plain", 4)
    assert bench.artifacts.path(row.digest).read_text() == "kept"
    assert value_of(bench, read) == "kept"


async def test_how_far_a_body_is_is_told_while_it_runs(make: Make, tmp_path: Path) -> None:
    if make is KINDS["async"] or make is KINDS["inline"]:
        pytest.skip("blocks the one loop there is")
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    one, failing = case("advances", str(fifo)), case("advances_and_fails")
    told = threading.Semaphore(0)
    seen: list[tuple[float, float]] = []

    def notice(context: TaskContext) -> None:
        if context.reached is not None:
            seen.append(context.reached)
            told.release()

    one.context.notice = notice
    async with at_work(make) as bench:
        bench.executor.submit([one])
        while not seen or seen[-1][0] < 980:  # the last hundredth may come with the result
            await anyio.to_thread.run_sync(told.acquire)
        assert one.id not in bench.results
        await anyio.to_thread.run_sync(fifo.write_text, "go")
        result = await bench.result(one.id)
        failed = await bench.of(failing)
    assert seen == sorted(seen)
    assert (result.error, result.progress) == (None, (1500, 2000))
    assert failed.progress == (1, 3)


async def test_many_attempts_are_each_reported_once(make: Make) -> None:
    attempts = [case("give", n, task=f"work[{n}]") for n in range(300)]
    async with at_work(make) as bench:
        bench.executor.submit(attempts)
        results = [await bench.result(one.id) for one in attempts]
        assert bench.executor.running == 0
    assert [r.value for r in results] == [Encoded("json", str(n).encode()) for n in range(300)]


async def test_cancelling_what_is_not_there_does_nothing(make: Make) -> None:
    one = case("give", 1)
    async with at_work(make) as bench:
        bench.executor.cancel(one.id)
        await bench.of(one)
        bench.executor.cancel(one.id)
        assert (await bench.of(case("give", 2, task="after"))).error is None


async def test_what_is_cancelled_before_it_began_is_reported_so(make: Make) -> None:
    one = case("give", 1)
    async with at_work(make) as bench:
        bench.executor.submit([one])
        bench.executor.cancel(one.id)
        result = await bench.result(one.id)
    assert result.cancelled or result.error is None
    assert one.id in bench.results


async def test_a_coroutine_is_awaited(make_loop: Make) -> None:
    async with at_work(make_loop) as bench:
        result = await bench.of(case("coroutine"))
    assert result.value == Encoded("json", b"5")


async def test_a_coroutine_is_cancelled(make_cancellable: Make, tmp_path: Path) -> None:
    begun, cleaned = Pipe(tmp_path / "begun"), tmp_path / "begun.cleaned"
    one = case("coroutine_for_ever", begun.path)
    async with at_work(make_cancellable) as bench:
        bench.executor.submit([one])
        assert await begun.written() == "begun"
        bench.executor.cancel(one.id)
        result = await bench.result(one.id)
    assert result.cancelled
    assert not result.retryable
    assert cleaned.exists()


async def test_a_coroutine_that_takes_too_long_times_out(make_cancellable: Make) -> None:
    async with at_work(make_cancellable) as bench:
        result = await bench.of(case("too_long"))
    assert result.error is not None
    assert result.error.type == "AttemptTimeout"
    assert "0.01 s" in result.error.message
    assert result.retryable
    assert not result.still_running


async def test_code_that_cancels_itself_has_failed(make_loop: Make) -> None:
    async with at_work(make_loop) as bench:
        result = await bench.of(case("cancels_itself"))
    assert result.error is not None
    assert not result.cancelled
