"""What the contract of executors needs: an executor at work, attempts, and their results."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import anyio
import msgspec

from tests.contracts.executor_flow import cases
from tests.flows.support import MemoryArtifacts, an_event
from triphammer.config.clock import SystemClock
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Limits, Settings, StoreSettings
from triphammer.flows.capture import Capture, capturing
from triphammer.flows.codec import encode
from triphammer.flows.context import TaskContext
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.attempts import make_attempt
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Launch, RunStart
from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    Executor,
    ExecutorContext,
    Parcel,
    Released,
)
from triphammer.flows.executors.dask.executor import DaskExecutor
from triphammer.flows.executors.dask.link import DaskConnection
from triphammer.flows.executors.flow_loop import FlowLoop
from triphammer.flows.executors.inline import InlineExecutor
from triphammer.flows.executors.processes.executor import ProcessExecutor
from triphammer.flows.executors.threads import ThreadExecutor
from triphammer.flows.journal import Encoded, LogLine
from triphammer.flows.workdir import RunFolder

now = SystemClock().now
SECRETS = Secrets(
    values={"TOKEN": "hunter2hunter2"}, connections={"warehouse": {"host": "db.example"}}
)
PLAN = Plan(definition_of(cases))
Make = Callable[[ExecutorContext], Executor]

ENV = EnvSpec()
"""An environment without requirements: nothing is to be fetched for it."""


class InEnv(ProcessExecutor):
    """Executor `process` for tasks that all have an environment of their own."""

    def submit(self, attempts: Sequence[Attempt]) -> None:
        super().submit([msgspec.structs.replace(one, env=ENV) for one in attempts])


KINDS: Mapping[str, Make] = {
    "async": FlowLoop.build,
    "thread": ThreadExecutor.build,
    "inline": InlineExecutor.build,
    "process": ProcessExecutor.build,
    "env": lambda context: InEnv.build(context),
}
CANCELLABLE = {name: KINDS[name] for name in ("async", "inline", "process", "env")}
"""Those in which a coroutine can be cancelled."""


@cache
def _kept() -> Path:
    """A folder for what all tests of this process share: environments."""
    folder = mkdtemp(prefix="triphammer-test-")
    atexit.register(rmtree, folder, ignore_errors=True)
    return Path(folder)


def make_dask(address: str) -> Make:
    """For the cluster at `address`."""
    return lambda context: DaskExecutor(context, DaskConnection(address))


def case(
    node: str,
    data: Any = None,
    *,
    task: str | None = None,
    number: int = 1,
    state: Mapping[str, bytes] | None = None,
    results: Mapping[str, Encoded] | None = None,
    artifacts: MemoryArtifacts | None = None,
    folder: RunFolder | None = None,
    plan: Plan = PLAN,
    secrets: Secrets = SECRETS,
) -> Attempt:
    """An attempt of one of the tasks in `executor_flow`; `data` is the event's."""
    scope = RunScope(
        plan,
        event=an_event(data),
        params={},
        artifacts=artifacts or MemoryArtifacts(),
        secrets=secrets,
    )
    scope.results.update(results or {})
    start = RunStart(
        id="run_1", epoch=0, flow=plan.flow, event=scope.event, params={}, created_at=0
    )
    folder = folder or RunFolder(Path("never-made"), "run_1", used=False)
    launch = Launch(plan.nodes[node], task or node, number)
    return make_attempt(start, launch, scope, state=lambda _flow: state or {}, folder=folder)


def attempt(
    body: Callable[[], Any], *, task: str = "work", number: int = 1, timeout: float | None = None
) -> Attempt:
    """An attempt whose body is given: for executors in this process."""
    context = TaskContext(
        run="run_1",
        flow="sample",
        task=task,
        attempt=number,
        event=None,
        params={},
        folder=RunFolder(Path("never-made"), "run_1", used=False),
        state=lambda _flow: {},
        secrets=SECRETS,
    )

    def stored(value: Any) -> Encoded:
        return encode(value, Any, MemoryArtifacts())

    def pack() -> Parcel:
        raise AssertionError("a function that only this process has")

    id = AttemptId("run_1", task, number, 0)
    return Attempt(
        id=id,
        flow="sample",
        body=body,
        encode=stored,
        context=context,
        pack=pack,
        timeout=timeout,
    )


class Pipe:
    """A named pipe: what a body writes into it, wherever it runs, wakes the test."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def written(self) -> str:
        """What was written, once something was."""
        await anyio.wait_readable(self._reading)
        text = os.read(self._reading, 1000).decode()
        os.close(self._reading)
        return text


class Bench:
    """An executor at work; results are awaited by attempt."""

    def __init__(self) -> None:
        self.executor: Executor
        self.artifacts = MemoryArtifacts()
        self.results: dict[AttemptId, AttemptResult] = {}
        self.released: set[AttemptId] = set()
        self.ended: list[TaskContext] = []
        self.lines: list[tuple[str, int, LogLine]] = []
        self.batches = 0
        self.told: list[str | None] = []
        self._came = anyio.Event()

    def report(self, results: Sequence[AttemptResult | Released]) -> None:
        self.batches += 1
        for result in results:
            if isinstance(result, Released):
                self.released.add(result.id)
                continue
            assert result.id not in self.results, "reported twice"
            self.results[result.id] = result
        self._came.set()
        self._came = anyio.Event()

    def sink(self, run: str, task: str, attempt: int, lines: Sequence[LogLine]) -> None:
        self.lines += [(task, attempt, line) for line in lines]
        self._came.set()
        self._came = anyio.Event()

    def said(self, task: str) -> list[str]:
        return [line.text for of, _, line in self.lines if of == task]

    async def until_said(self, task: str, text: str) -> None:
        """Return once the log of a task has this line."""
        while text not in self.said(task):
            await self._came.wait()

    def ready(self, reason: str | None) -> None:
        self.told.append(reason)
        self._came.set()
        self._came = anyio.Event()

    async def until_told(self, text: str) -> None:
        """Return once the executor has told how it is, with these words."""
        while not any(text in (reason or "") for reason in self.told):
            await self._came.wait()

    async def result(self, id: AttemptId) -> AttemptResult:
        """The attempt's result, once there is one."""
        while id not in self.results:
            await self._came.wait()
        return self.results[id]

    async def until_released(self, id: AttemptId) -> None:
        """Return once the attempt's code has ended."""
        while id not in self.released:
            await self._came.wait()

    async def of(self, one: Attempt) -> AttemptResult:
        """Run one attempt."""
        self.executor.submit([one])
        return await self.result(one.id)


@asynccontextmanager
async def at_work(
    make: Make,
    *,
    limits: Limits | None = None,
    folder: Path | None = None,
    folder_id: str | None = None,
    secrets: Secrets = SECRETS,
) -> AsyncGenerator[Bench]:
    """An executor that runs while the context is open."""
    bench = Bench()
    limits = limits or Limits(threads=2, processes=2, grace=timedelta(seconds=2))
    capture = Capture(bench.sink, SECRETS, now, limits.log_lines)
    with capturing(capture) as told:

        def ended(context: TaskContext) -> None:
            told(context)
            bench.ended.append(context)

        context = ExecutorContext(
            now=now,
            settings=Settings(limits=limits, store=StoreSettings(data=_kept())),
            secrets=secrets,
            artifacts=bench.artifacts,
            ended=ended,
            lines=capture.add_lines,
            stall=lambda _: None,
            ready=bench.ready,
            folder=folder,
            folder_id=folder_id,
            log=logging.getLogger("triphammer.test"),
        )
        bench.executor = make(context)
        bench.executor.bind(bench.report)
        async with anyio.create_task_group() as group:
            await group.start(capture.run)
            await group.start(bench.executor.run)
            yield bench
            group.cancel_scope.cancel()
