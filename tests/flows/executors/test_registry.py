"""The door of executors: ours and plug-ins by one list, each made when it is first asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskStatus

from tests.contracts.executor_cases import at_work, attempt
from tests.flows.support import load_error
from triphammer.flows.errors import FlowError
from triphammer.flows.executors import registry
from triphammer.flows.executors.contract import Attempt, AttemptId, Executor, ExecutorContext
from triphammer.flows.executors.on_demand import OnDemand
from triphammer.flows.executors.processes.executor import ProcessExecutor
from triphammer.flows.executors.registry import GROUP, executor_kind, executor_names
from triphammer.flows.executors.threads import ThreadExecutor


def install(folder: Path, name: str, points: str) -> None:
    """Put a package that provides executors into `folder`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}\n")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_built_in_executors_come_through_the_door_of_plugins() -> None:
    assert executor_kind("thread") is ThreadExecutor
    assert executor_kind("process") is ProcessExecutor
    assert {"async", "dask", "process", "thread"} <= set(executor_names())
    for point in entry_points(group=GROUP):
        assert hasattr(executor_kind(point.name), "build")


def test_an_unknown_executor_lists_those_there_are(plugins: Path) -> None:
    install(plugins, "acme", "acme = acme.far:Far")
    with pytest.raises(FlowError, match=r"no executor 'far'; installed are: acme, async, dask, "):
        executor_kind("far")


def test_an_executor_that_two_packages_provide_is_refused(plugins: Path) -> None:
    install(plugins, "acme", "thread = acme.far:Far")
    with pytest.raises(FlowError, match="'thread' is provided more than once: acme"):
        executor_kind("thread")


def test_one_that_cannot_be_imported_is_named(plugins: Path) -> None:
    install(plugins, "acme", "far = no_such_module_at_all:Far")
    with pytest.raises(FlowError, match=r"'far' \(no_such_module_at_all:Far\) cannot be loaded"):
        executor_kind("far")


def test_a_missing_extra_is_an_error_at_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> None:
        return None

    monkeypatch.setattr(registry, "find_spec", nothing)
    error = load_error(tmp_path, '@task(executor="dask")\ndef far(): ...\n')
    assert "pip install 'triphammer[dask]'" in str(error)
    with pytest.raises(FlowError, match=r"pip install 'triphammer\[dask\]'"):
        executor_kind("dask")


@pytest.mark.anyio
async def test_an_executor_is_made_when_the_first_attempt_comes() -> None:
    made: list[ThreadExecutor] = []

    def on_demand(context: ExecutorContext) -> Executor:
        def make() -> Executor:
            made.append(ThreadExecutor.build(context))
            return made[-1]

        return OnDemand(make, context.now)

    async with at_work(on_demand) as bench:
        assert made == []
        assert (await bench.of(attempt(lambda: 1))).error is None
        assert (await bench.of(attempt(lambda: 2, task="next"))).error is None
        assert len(made) == 1
        assert bench.executor.running == 0


@pytest.mark.anyio
async def test_what_is_cancelled_before_the_executor_has_started_never_begins() -> None:
    class Slow:
        """Takes until it is let go to start."""

        running = 0
        got: Sequence[Attempt] = ()

        def __init__(self) -> None:
            self.go = anyio.Event()

        def bind(self, report: object) -> None: ...

        async def run(self, *, task_status: TaskStatus[None]) -> None:
            await self.go.wait()
            task_status.started()
            await anyio.sleep_forever()

        def submit(self, attempts: Sequence[Attempt]) -> None:
            self.got = attempts

        def cancel(self, attempt: AttemptId) -> None: ...

    slow, one = Slow(), attempt(lambda: 1)
    async with at_work(lambda context: OnDemand(lambda: slow, context.now)) as bench:
        bench.executor.submit([one])
        assert bench.executor.running == 1
        bench.executor.cancel(one.id)
        slow.go.set()
        assert (await bench.result(one.id)).cancelled
        assert slow.got == []


@pytest.mark.anyio
async def test_where_it_cannot_be_made_every_attempt_says_why() -> None:
    def make() -> Executor:
        raise FlowError("no cluster is named")

    async with at_work(lambda context: OnDemand(make, context.now)) as bench:
        for name in ("one", "two"):
            result = await bench.of(attempt(lambda: 1, task=name))
            assert result.error is not None
            assert result.error.message == "no cluster is named"
            assert not result.retryable
