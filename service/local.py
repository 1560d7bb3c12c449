"""Flows here and now, in memory: behind `triphammer run`, `flow.run()` and the testing kit.

The same dispatcher, engine and store as the daemon's; only the edges differ.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup

from triphammer.config.clock import Clock, SystemClock
from triphammer.config.errors import TriphammerError
from triphammer.config.ids import new_id
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.capture import Capture, capturing
from triphammer.flows.codec import decode
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import FlowError
from triphammer.flows.executors.contract import Executor, ExecutorContext, Stalled
from triphammer.flows.executors.outcome import nothing_more
from triphammer.flows.executors.registry import executors_on_demand
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import LogSink
from triphammer.sensors.contract import Emission
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.underway import nowhere
from triphammer.service.hub import News
from triphammer.service.parts import Core, Edges
from triphammer.service.store.contract import ENDED, RunRow
from triphammer.service.store.opening import Opened, open_memory

T = TypeVar("T")
LOCAL = "triphammer/local"
MakeExecutors = Callable[[ExecutorContext], Mapping[str, Executor]]


class Local:
    """A session in memory: emit events, start runs, look at what became of them."""

    def __init__(self, core: Core, opened: Opened) -> None:
        self.core = core
        self.opened = opened
        self.store = opened.store

    async def emit(self, event: Event) -> Sequence[str]:
        """Take an event in; the ids of the runs that it began."""
        accepted = await self.core.dispatcher.emit("local", Emission(events=(event,)))
        return accepted[0].runs

    async def start(self, flow: str, params: Mapping[str, Any], event: Event | None = None) -> str:
        """Begin a run of `flow`, on `event` if one is given. Raises on misfits."""
        live = self.core.library.flow(flow)
        accepted = await self.core.dispatcher.request(
            live, params, by="local", source=LOCAL, id=new_id("evt"), event=event
        )
        return accepted.runs[0]

    async def wait(self, run: str, watch: Callable[[News], None] | None = None) -> RunRow:
        """The run once it has ended; `watch` is told of every change on the way."""
        with self.core.hub.listen() as listener:
            while True:
                row = await self.store.run(run)
                assert row is not None
                if row.state in ENDED:
                    return row
                for item in await listener.receive():
                    if watch is not None and item.id == run:
                        watch(item)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What differs between one session in memory and another.

    `lines` takes what tasks print instead of the store. `notify` is told of due messages and
    file moves; with `deliveries` messages are delivered, and tasks can wait for that. Unless
    `captured`, tasks print where the process prints. `stall` is told of user code that blocks.
    """

    clock: Clock
    make_executors: MakeExecutors
    secrets: Secrets
    settings: Settings
    root: Path
    lines: LogSink | None = None
    random: Random = field(default_factory=Random)
    notify: Callable[[str], None] = lambda _: None
    deliveries: bool = False
    captured: bool = True
    stall: Callable[[Stalled | None], None] = lambda _: None


async def with_local(
    flows: Mapping[str, FlowDef],
    action: Callable[[Local], Awaitable[T]],
    around: Surroundings,
) -> T:
    """What `action` returns, given a session with `flows` in service."""

    async def serving(opened: Opened, work: Path) -> T:
        return await serve_here(opened, work, flows, action, around)

    return await with_memory(serving)


async def with_memory(action: Callable[[Opened, Path], Awaitable[T]]) -> T:
    """What `action` returns, given stores in memory and a folder for the runs. They outlive the
    sessions that are served on them."""
    with TemporaryDirectory(prefix="triphammer-") as work:
        async with open_memory() as opened:

            async def writing(group: TaskGroup) -> T:
                await group.start(opened.run)
                return await action(opened, Path(work))

            return await _within(writing)


async def serve_here(
    opened: Opened,
    work: Path,
    flows: Mapping[str, FlowDef],
    action: Callable[[Local], Awaitable[T]],
    around: Surroundings,
) -> T:
    """What `action` returns, given a session on these stores; runs that a session before left
    are taken up again."""
    with ExitStack() as stack:
        core = _core(opened, work, around, stack)

        async def serving(group: TaskGroup) -> T:
            await _start(group, core, flows)
            return await action(Local(core, opened))

        return await _within(serving)


async def _within(action: Callable[[TaskGroup], Awaitable[T]]) -> T:
    """What `action` returns, given a task group that ends with it."""
    values: list[T] = []
    refused: list[TriphammerError] = []
    async with anyio.create_task_group() as group:
        try:
            values.append(await action(group))
        except TriphammerError as error:  # leaving the group with it would wrap it
            refused.append(error)
        group.cancel_scope.cancel()
    if refused:
        raise refused[0]
    return values[0]


def _core(opened: Opened, work: Path, around: Surroundings, stack: ExitStack) -> Core:
    clock, settings, secrets = around.clock, around.settings, around.secrets
    sink = around.lines or opened.logs.sink
    capture = Capture(sink, secrets, clock.now, settings.limits.log_lines)
    ended = stack.enter_context(capturing(capture)) if around.captured else nothing_more
    context = ExecutorContext(
        now=clock.now,
        settings=settings,
        secrets=secrets,
        artifacts=opened.artifacts,
        ended=ended,
        lines=capture.add_lines,
        stall=around.stall,
        ready=_ignore,
        folder=None,
        folder_id=None,
        log=logging.getLogger("triphammer"),
    )
    edges = Edges(
        store=opened.store,
        artifacts=opened.artifacts,
        clock=clock,
        executors=around.make_executors(context),
        secrets=secrets,
        random=around.random,
        root=around.root,
        workdir=work,
        owner="local",
        notify=around.notify,
        on_store_error=_raise,
        underway=nowhere(),
        deliveries=around.deliveries,
    )
    return Core(edges, settings, logging.getLogger("triphammer"))


async def _start(group: TaskGroup, core: Core, flows: Mapping[str, FlowDef]) -> None:
    for executor in dict.fromkeys(core.edges.executors.values()):
        await group.start(executor.run)
    await core.put_into_service(flows)
    await group.start(core.engine.run)
    await core.recover()
    await group.start(core.starter.run)
    await group.start(core.waker.run)
    await group.start(core.filler.run)
    core.dispatcher.open()


def _ignore(_: object) -> None:
    """Nobody asks how executors are."""


def _raise(error: Exception) -> None:
    raise error


def real_executors(context: ExecutorContext) -> Mapping[str, Executor]:
    """The daemon's executors."""
    return executors_on_demand(lambda _: context, context.now)


def run_flow(flow: Flow[..., Any], params: Mapping[str, Any]) -> Any:
    """Entry point `triphammer.runners: local`, behind `flow.run(...)`: the run's result.

    Raises `FlowError` with the failed task's own message when the run does not succeed.
    """
    definition = definition_of(flow)
    settings = Settings()

    async def action(local: Local) -> Any:
        row = await local.wait(await local.start(definition.name, params))
        if row.state != "succeeded":
            error = "" if row.error is None else f": {row.error.message}\n{row.error.traceback}"
            raise FlowError(f"the run of {definition.name} {row.state}{error}")
        return None if row.result is None else decode(row.result, Any, local.opened.artifacts)

    async def main() -> Any:
        around = Surroundings(SystemClock(), real_executors, Secrets(), settings, Path.cwd())
        return await with_local({definition.name: definition}, action, around)

    return anyio.run(main)
