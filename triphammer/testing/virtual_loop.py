"""An asyncio loop whose time jumps: when everybody waits for a timer, it is due at once."""

from __future__ import annotations

import asyncio
import selectors
from asyncio import events
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from math import inf
from typing import TypeVar

import anyio.to_thread
from typing_extensions import TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _JumpingSelector(selectors.SelectSelector):
    """Never sleeps: asks the loop to move its clock by the time it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.loop is not None:
            self.loop.turn()
        if timeout == 0:  # somebody is to be called: nobody else is asked for news
            return []
        ready = super().select(0)
        if ready or self.loop is None:
            return ready
        if self.loop.threads_work():
            return super().select(None)
        self.loop.idle(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Driven from outside by `run_for`; between two drives nothing happens.

    While a worker thread of a coroutine is at work, time stands still: what a thread does takes
    none, and no timeout overtakes it.
    """

    def __init__(self) -> None:
        selector = _JumpingSelector()
        self._seconds = 0.0
        self._limit = 0.0
        self._in_threads = 0
        self._drives = 0
        self._turns = 0
        self._driven = False
        self._given_up: Exception | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def turn(self) -> None:
        """Another turn of the loop begins."""
        self._turns += 1

    def progress(self) -> tuple[int, float, int] | None:
        """The number of this drive, the virtual time and the turns until now; None between two
        drives. Callable from any thread, as are `current` and `give_up`."""
        return (self._drives, self._seconds, self._turns) if self._driven else None

    def current(self) -> str | None:
        """The name of what runs on the loop just now."""
        task = asyncio.current_task(self)
        return None if task is None else task.get_name()

    def give_up(self, error: Exception) -> None:
        """End this drive: it raises `error`."""
        self._given_up = error
        self.call_soon_threadsafe(self.stop)

    def idle(self, timeout: float | None) -> None:
        """Everybody waits: jump to the next timer, or stop at the limit of this drive."""
        due = inf if timeout is None else self._seconds + timeout
        if due <= self._limit:
            self._seconds = due
        else:
            self._seconds = self._limit
            self.stop()

    def threads_work(self) -> bool:
        """Whether a coroutine waits for a worker thread, of asyncio's or of anyio's."""
        limiter = self._limiter
        return self._in_threads > 0 or (limiter is not None and limiter.borrowed_tokens > 0)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio's, and counted: see `threads_work`."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def _thread_is_done(self, _: object) -> None:
        self._in_threads -= 1

    def next_due(self) -> float:
        """The virtual second of the next timer, infinite without one."""
        timers: list[asyncio.TimerHandle] = getattr(self, "_scheduled")  # noqa: B009 - no public way
        return min((timer.when() for timer in timers if not timer.cancelled()), default=inf)

    def run_for(self, seconds: float) -> None:
        """Let everything happen that happens within the next virtual `seconds`."""
        self._limit = self._seconds + seconds
        self.drive()

    def spawn(self, awaitable: Awaitable[T]) -> asyncio.Task[T]:
        """Begin something; it goes on in the next drives."""
        task = self.create_task(self._inside(awaitable))
        if isinstance(awaitable, Coroutine):  # cancelled before its first turn, it is not begun
            task.add_done_callback(lambda _: awaitable.close())
        return task

    async def _inside(self, awaitable: Awaitable[T]) -> T:
        if self._limiter is None:  # only a coroutine can ask for it
            self._limiter = anyio.to_thread.current_default_thread_limiter()
        return await awaitable

    def complete(self, awaitable: Awaitable[T]) -> T:
        """The value of something that needs no time to pass."""
        task = self.spawn(awaitable)
        self._limit = self._seconds
        self.drive()
        if not task.done():
            task.cancel()
            self.drive()
            raise RuntimeError("this needs time to pass: call sim.advance(...)")
        return task.result()

    def close_all(self) -> None:
        """End what user code has left behind on the loop, and close it."""
        if self.is_closed():
            return
        while left := asyncio.all_tasks(self):
            for task in left:
                task.cancel()
            self.run_for(1)
            if left == asyncio.all_tasks(self):  # it does not want to end
                break
        self.complete(self.shutdown_asyncgens())
        self.close()

    def drive(self) -> None:
        """Turn until there is nothing left to do before the limit."""
        self._drives += 1
        self._driven = True
        # A test may itself be a coroutine on another loop of this thread; that one stands
        # still while ours is driven.
        outer = events._get_running_loop()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - no public way
        events._set_running_loop(None)  # noqa: SLF001 - see above
        try:
            self.run_forever()
        finally:
            self._driven = False
            events._set_running_loop(outer)  # noqa: SLF001 - see above
        error, self._given_up = self._given_up, None
        if error is not None:
            raise error
