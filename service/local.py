"""Flows here and now, in memory: behind `triphammer run`, `flow.run()` and the testing kit.

The same dispatcher, engine and store as the daemon's; only the edges differ.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from inspect import isawaitable
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
from triphammer.config.source import SensorSpec
from triphammer.flows.capture import Capture, capturing
from triphammer.flows.codec import decode
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import FlowError
from triphammer.flows.executors.contract import Executor, ExecutorContext
from triphammer.flows.executors.inline import InlineExecutor
from triphammer.flows.executors.registry import executor_names, executors_on_demand
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import LogSink
from triphammer.sensors.contract import Emission, SensorContext
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.underway import nowhere
from triphammer.service.health import Health
from triphammer.service.hub import News
from triphammer.service.parts import Core, Edges
from triphammer.service.store.contract import ENDED, RunRow
from triphammer.service.store.opening import Opened, open_memory
from triphammer.service.supervisor import Supervisor, wanted_specs

T = TypeVar("T")
LOCAL = "triphammer/local"
OWN_KINDS = ("timer", "custom")
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


async def with_local(
    flows: Mapping[str, FlowDef],
    action: Callable[[Local], Awaitable[T]],
    *,
    clock: Clock,
    make_executors: MakeExecutors,
    secrets: Secrets,
    settings: Settings,
    root: Path,
    lines: LogSink | None = None,
) -> T:
    """What `action` returns, given a session with `flows` in service."""
    with TemporaryDirectory(prefix="triphammer-") as work, ExitStack() as stack:
        async with open_memory() as opened:
            sink = lines or opened.logs.sink
            capture = Capture(sink, secrets, clock.now, settings.limits.log_lines)
            ended = stack.enter_context(capturing(capture))
            context = ExecutorContext(
                now=clock.now,
                settings=settings,
                secrets=secrets,
                artifacts=opened.artifacts,
                ended=ended,
                lines=capture.add_lines,
                stall=_ignore,
                ready=_ignore,
                folder=None,
                folder_id=None,
                log=logging.getLogger("triphammer"),
            )
            edges = Edges(
                store=opened.store,
                artifacts=opened.artifacts,
                clock=clock,
                executors=make_executors(context),
                secrets=secrets,
                random=Random(),
                root=root,
                workdir=Path(work),
                owner="local",
                notify=_ignore,
                on_store_error=_raise,
                underway=nowhere(),
                deliveries=False,
            )
            core = Core(edges, settings, logging.getLogger("triphammer"))
            return await _serve(core, opened, flows, action)


async def _serve(
    core: Core,
    opened: Opened,
    flows: Mapping[str, FlowDef],
    action: Callable[[Local], Awaitable[T]],
) -> T:
    values: list[T] = []
    refused: list[TriphammerError] = []
    async with anyio.create_task_group() as group:
        await _start(group, core, opened)
        await core.put_into_service(flows)
        core.dispatcher.open()
        try:
            values.append(await action(Local(core, opened)))
        except TriphammerError as error:  # leaving the group with it would wrap it
            refused.append(error)
        group.cancel_scope.cancel()
    if refused:
        raise refused[0]
    return values[0]


async def _start(group: TaskGroup, core: Core, opened: Opened) -> None:
    await group.start(opened.run)
    for executor in dict.fromkeys(core.edges.executors.values()):
        await group.start(executor.run)
    await group.start(core.engine.run)
    await group.start(core.starter.run)
    await group.start(core.filler.run)


async def start_sensors(
    group: TaskGroup, local: Local, clock: Clock, secrets: Secrets, settings: Settings
) -> None:
    """Start the sensors of the session's flows that need nothing from outside: timers and
    `@sensor`s."""
    core, log = local.core, logging.getLogger("triphammer")

    def context(spec: SensorSpec, ready: Callable[[str | None], None]) -> SensorContext:
        return SensorContext(
            spec=spec,
            emit=partial(core.dispatcher.emit, spec.id),
            positions=partial(local.store.positions, spec.id),
            clock=clock,
            settings=settings,
            secrets=secrets,
            root=core.edges.root,
            folder_id="local",
            ready=ready,
            call=_call_here,
            congested=lambda: False,
            log=log,
        )

    supervisor = Supervisor(
        make_context=context, health=Health(clock.now), random=Random(), log=log
    )
    await group.start(supervisor.run)
    specs = wanted_specs(core.library.live.values())
    await supervisor.apply({i: s for i, s in specs.items() if s.kind in OWN_KINDS})


async def _call_here(function: Callable[..., Any], *args: Any) -> Any:
    value = function(*args)
    return await value if isawaitable(value) else value


def _ignore(_: object) -> None:
    """Outbox and claims: nothing leaves the process. Nobody asks how executors are."""


def _raise(error: Exception) -> None:
    raise error


def real_executors(context: ExecutorContext) -> Mapping[str, Executor]:
    """The daemon's executors."""
    return executors_on_demand(lambda _: context, context.now)


def inline_executors(context: ExecutorContext) -> Mapping[str, Executor]:
    """One executor on the caller's loop in the place of all, for virtual time."""
    return dict.fromkeys(executor_names(), InlineExecutor.build(context))


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
        return await with_local(
            {definition.name: definition},
            action,
            clock=SystemClock(),
            make_executors=real_executors,
            secrets=Secrets(),
            settings=settings,
            root=Path.cwd(),
        )

    return anyio.run(main)
