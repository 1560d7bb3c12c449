"""What the contract of executors needs: an executor at work, attempts, and their results."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from triphammer.config.clock import SystemClock
from triphammer.config.secrets import Secrets
from triphammer.flows.codec import encode
from triphammer.flows.context import TaskContext
from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    Executor,
    Released,
)
from triphammer.flows.executors.flow_loop import FlowLoop
from triphammer.flows.executors.inline import InlineExecutor
from triphammer.flows.executors.outcome import Ended
from triphammer.flows.executors.threads import ThreadExecutor
from triphammer.flows.journal import Encoded
from triphammer.flows.workdir import RunFolder

now = SystemClock().now
SECRETS = Secrets(values={"TOKEN": "hunter2hunter2"})

Make = Callable[[Ended], Executor]


def make_async(ended: Ended) -> Executor:
    return FlowLoop(now, ended=ended)


def make_thread(ended: Ended) -> Executor:
    return ThreadExecutor(now, threads=2, ended=ended)


def make_inline(ended: Ended) -> Executor:
    return InlineExecutor(now, ended=ended)


class NoArtifacts:
    """Nothing in these tests is an artifact."""

    def put(self, content: bytes) -> str:
        raise AssertionError("an artifact was put")

    def get(self, digest: str) -> bytes:
        raise AssertionError("an artifact was asked for")


def attempt(
    body: Callable[[], Any],
    *,
    task: str = "work",
    number: int = 1,
    timeout: float | None = None,
    state: dict[str, bytes] | None = None,
) -> Attempt:
    """An attempt whose body is given."""
    context = TaskContext(
        run="run_1",
        flow="sample",
        task=task,
        attempt=number,
        event=None,
        params={},
        folder=RunFolder(Path("never-made"), "run_1", used=False),
        state=lambda _flow: state or {},
        secrets=SECRETS,
    )

    def stored(value: Any) -> Encoded:
        return encode(value, Any, NoArtifacts())

    id = AttemptId("run_1", task, number, 0)
    return Attempt(id=id, flow="sample", body=body, encode=stored, context=context, timeout=timeout)


class Bench:
    """An executor at work; results are awaited by attempt."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.results: dict[AttemptId, AttemptResult] = {}
        self.released: set[AttemptId] = set()
        self.ended: list[TaskContext] = []
        self.batches = 0
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
async def at_work(make: Make) -> AsyncGenerator[Bench]:
    """An executor that runs while the context is open."""
    contexts: list[TaskContext] = []
    bench = Bench(make(contexts.append))
    bench.ended = contexts
    bench.executor.bind(bench.report)
    async with anyio.create_task_group() as group:
        await group.start(bench.executor.run)
        yield bench
        group.cancel_scope.cancel()
