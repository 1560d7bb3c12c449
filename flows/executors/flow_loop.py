"""Executor `async`: coroutines on a loop of their own, in a thread of its own.

Attempts are handed over and results handed back in batches: one wake-up of a loop costs more
than running a small coroutine.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from functools import partial
from importlib.util import find_spec
from inspect import iscoroutinefunction
from threading import Thread
from typing import Any, Self

import anyio
from anyio.abc import TaskStatus

from triphammer.flows.executors.contract import (
    Attempt,
    AttemptId,
    AttemptResult,
    ExecutorContext,
    Released,
    Report,
    Stall,
)
from triphammer.flows.executors.doorbell import Doorbell
from triphammer.flows.executors.keeping import resources_of
from triphammer.flows.executors.loop_body import LoopBody
from triphammer.flows.executors.outcome import Ended, nothing_more
from triphammer.flows.executors.processes.groups import Groups, mark_of
from triphammer.flows.executors.watchdog import Watchdog
from triphammer.flows.graph import FlowDef
from triphammer.flows.opened import CLOSE_SECONDS, Opened

STOP_SECONDS = 2.0
"""So long may cancelled coroutines take to end when the executor stops."""


class FlowLoop:
    """Runs coroutine bodies. `now` is the clock (microseconds UTC), callable from any thread.

    `ended` is called in the loop's thread when an attempt has ended. `stall` is told, on the
    service loop, of user code that blocks this loop. `mark` is what the processes of the data
    folder are known by. `lag` is told how long this loop takes to answer, in seconds.
    """

    def __init__(
        self,
        now: Callable[[], int],
        *,
        ended: Ended = nothing_more,
        stall: Stall | None = None,
        mark: str | None = None,
        grace: float = 10.0,
        lag: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._now = now
        self._ended = ended
        self._stall = stall
        self._groups = Groups(mark)
        self._grace = grace
        self._lag = lag
        self._opened = Opened()
        self._owners: asyncio.Task[None] | None = None
        self._report: Report | None = None
        self._incoming: deque[Attempt | AttemptId] = deque()
        self._outgoing: deque[AttemptResult | Released] = deque()
        self._bodies: dict[AttemptId, LoopBody] = {}
        self._waking = False
        self._loop: AbstractEventLoop | None = None
        self._bell: Doorbell | None = None
        self._watchdog: Watchdog | None = None
        self._calls = 0

    @classmethod
    def build(cls, context: ExecutorContext) -> Self:
        """The flow loop of a daemon or a local run."""
        mark = None if context.folder is None else mark_of(context.folder)
        return cls(
            context.now,
            ended=context.ended,
            stall=context.stall,
            mark=mark,
            grace=context.settings.limits.grace.total_seconds(),
            lag=context.lag,
        )

    @property
    def running(self) -> int:
        """How many attempts are handed over and have not ended."""
        return len(self._bodies) + len(self._incoming)

    def bind(self, report: Report) -> None:
        """Say where results go."""
        self._report = report

    def keep(self, flows: Iterable[FlowDef]) -> None:
        """Close the resources of other flows; see `Keeps`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._opened.keep, resources_of(flows))

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Run `attempts`."""
        self._incoming.extend(attempts)
        self._wake()
        self._watch()

    def cancel(self, attempt: AttemptId) -> None:
        """End an attempt: its coroutine is cancelled."""
        self._incoming.append(attempt)
        self._wake()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Own the thread until cancelled."""
        stopped = anyio.Event()
        self._bell, stop_bell = Doorbell(self._hand_back), Doorbell(stopped.set)
        loop = self._loop = _new_loop()
        thread = Thread(
            target=_turn, args=(loop, stop_bell), name="triphammer-flow-loop", daemon=True
        )
        thread.start()
        loop.call_soon_threadsafe(self._own_resources)
        try:
            async with anyio.create_task_group() as group:
                self._watchdog = Watchdog(
                    loop, thread, self._busy, self._attempts, self._stall, self._lag
                )
                await group.start(self._watchdog.run, name="watchdog of the flow loop")
                task_status.started()
        finally:
            loop.call_soon_threadsafe(self._stop)
            # Blocked user code may never end: the thread is a daemon and does not stop exit.
            with anyio.move_on_after(STOP_SECONDS + CLOSE_SECONDS + 1, shield=True):
                await stopped.wait()
            self._loop = None
            self._groups.close()

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """The value of a user's function (`@sensor`): a coroutine runs on this loop, a plain
        function in a worker thread. Cancelling the call cancels the coroutine."""
        if not iscoroutinefunction(function):
            return await anyio.to_thread.run_sync(partial(function, *args), abandon_on_cancel=True)
        if self._loop is None:
            raise RuntimeError("the flow loop does not run")
        future = asyncio.run_coroutine_threadsafe(function(*args), self._loop)
        self._calls += 1
        self._watch()
        try:
            return await asyncio.wrap_future(future)
        finally:
            self._calls -= 1

    # --- on the service loop ----------------------------------------------------------------

    def _wake(self) -> None:
        if not self._waking and self._loop is not None:
            self._waking = True
            self._loop.call_soon_threadsafe(self._take)

    def _watch(self) -> None:
        if self._watchdog is not None:
            self._watchdog.wake()

    def _busy(self) -> bool:
        return bool(self._calls or self.running)

    def _attempts(self) -> Sequence[LoopBody]:
        return list(self._bodies.values())

    def _hand_back(self) -> None:
        results: list[AttemptResult | Released] = []
        while self._outgoing:
            results.append(self._outgoing.popleft())
        if results and self._report is not None:
            self._report(results)

    # --- in the loop's own thread -----------------------------------------------------------

    def _own_resources(self) -> None:
        loop = asyncio.get_running_loop()
        # Waited for when the loop stops; in a context of its own: it belongs to no attempt.
        self._owners = loop.create_task(self._opened.run(), context=Context())

    def _take(self) -> None:
        # Before looking: what is added from now on wakes again.
        self._waking = False
        loop = asyncio.get_running_loop()
        while self._incoming:
            item = self._incoming.popleft()
            if isinstance(item, Attempt):
                body = self._bodies[item.id] = self._body(item)
                body.start(loop)
            elif (found := self._bodies.get(item)) is not None:
                found.cancel()

    def _body(self, attempt: Attempt) -> LoopBody:
        return LoopBody(attempt, self._now, self._tell, self._groups, self._opened, self._grace)

    def _tell(self, body: LoopBody, result: AttemptResult | Released, over: bool) -> None:
        if over:
            del self._bodies[body.attempt.id]
            self._ended(body.attempt.context)
        self._outgoing.append(result)
        if self._bell is not None:
            self._bell.ring()

    def _stop(self) -> None:
        for body in self._attempts():
            body.cancel()
        loop = asyncio.get_running_loop()
        stop = loop.create_task(self._stop_when_done())
        # The task keeps the loop turning until then; the loop keeps the task.
        stop.add_done_callback(lambda _: loop.stop())

    async def _stop_when_done(self) -> None:
        tasks = [b.task for b in self._attempts() if b.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        if self._owners is not None:
            self._opened.stop()
            await asyncio.wait([self._owners], timeout=CLOSE_SECONDS + 1)


def _turn(loop: AbstractEventLoop, stopped: Doorbell) -> None:
    """The thread: turn the loop until it is stopped."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        stopped.ring()


def _new_loop() -> AbstractEventLoop:
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    import uvloop

    loop: AbstractEventLoop = uvloop.new_event_loop()
    return loop
