"""The resources that are open in one place: an event loop, or a thread of plain functions.

Each is opened and closed by the same task (a cancel scope must be left where it was entered),
in a context of its own: it belongs to no attempt. So a task of `run` owns each that lives on
the loop, from before it is opened until after it is closed.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence, Set
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from typing import Any

import anyio
from anyio.abc import TaskStatus

from triphammer.config.secrets import Secrets
from triphammer.flows.errors import ResourceFailed
from triphammer.flows.lent_secrets import lend
from triphammer.flows.resource import Resource

CLOSE_SECONDS = 5.0
"""So long may all resources of a place take to close."""
Wanted = Mapping[str, Resource[Any]]
_log = logging.getLogger("triphammer.resources")


class _Held:
    """One resource that is open, or about to be. `users` are attempts and other resources.

    `stale`: it is to be closed once nobody uses it.
    """

    def __init__(self, resource: Resource[Any], *, stale: bool) -> None:
        self.resource = resource
        self.stale = stale
        self.users = 0
        self.value: Any = None
        self.is_closing = False


class _Owned(_Held):
    """One that lives on the loop, in a task of its own. `ready`: it is open, or `error` says
    why not; `over`: it is closed."""

    def __init__(self, resource: Resource[Any], secrets: Secrets, *, stale: bool) -> None:
        super().__init__(resource, stale=stale)
        self.secrets = secrets
        self.error: BaseException | None = None
        self.is_open = False
        self.ready, self.closing, self.over = anyio.Event(), anyio.Event(), anyio.Event()


class _Plain(_Held):
    """One that was opened by a plain generator, and what it is made of."""

    def __init__(
        self, resource: Resource[Any], close: Callable[[], object], *, stale: bool
    ) -> None:
        super().__init__(resource, stale=stale)
        self.close = close
        self.made_of: Sequence[_Held] = ()


class Opened:
    """Belongs to one thread. Coroutines need `run` to run on their loop."""

    def __init__(self) -> None:
        self._held: dict[Resource[Any], _Held] = {}
        self._asked: list[_Owned] = []
        self._wake: anyio.Event | None = None
        self._stopping = False
        self._wanted: Set[Resource[Any]] | None = None

    def __bool__(self) -> bool:
        """Whether anything is open."""
        return bool(self._held)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Own what lives on this loop until `stop` is called; then all of it is closed, also
        when this is cancelled meanwhile."""
        self._wake = anyio.Event()
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as owners:
                task_status.started()
                while not self._stopping:
                    while self._asked:
                        owners.start_soon(self._own, self._asked.pop(0))
                    await self._wake.wait()
                    self._wake = anyio.Event()
                with anyio.move_on_after(CLOSE_SECONDS):
                    await self._close_all()
                owners.cancel_scope.cancel()

    def stop(self) -> None:
        """Let `run` close all and end; on the loop."""
        self._stopping = True
        self._awake()

    def keep(self, wanted: Set[Resource[Any]]) -> None:
        """Close what is not `wanted` any more, each once nobody uses it."""
        self._wanted = wanted
        for held in list(self._held.values()):
            held.stale = held.resource not in wanted
            self._close_if_stale(held)

    @asynccontextmanager
    async def lent(self, wanted: Wanted, secrets: Secrets) -> AsyncGenerator[dict[str, Any]]:
        """The resources by parameter, opened if need be. Raises `ResourceFailed`."""
        taken: dict[str, _Held] = {}
        try:
            for name, resource in wanted.items():
                taken[name] = await self._take(resource, secrets)
            yield {name: held.value for name, held in taken.items()}
        finally:
            self._give_back(taken)

    @contextmanager
    def lent_plain(self, wanted: Wanted, secrets: Secrets) -> Generator[dict[str, Any]]:
        """The same for plain functions."""
        taken: dict[str, _Held] = {}
        try:
            for name, resource in wanted.items():
                taken[name] = self._take_plain(resource, secrets)
            yield {name: held.value for name, held in taken.items()}
        finally:
            self._give_back(taken)

    def close_plain(self) -> None:
        """Close all, where nothing lives on a loop."""
        self.keep(frozenset())
        for held in reversed(list(self._held.values())):
            self._close(held)

    # --- taking and giving back ---------------------------------------------------------------

    async def _take(self, resource: Resource[Any], secrets: Secrets) -> _Held:
        if not resource.is_async:
            return self._take_plain(resource, secrets)
        while isinstance(held := self._held.get(resource), _Owned) and held.is_closing:
            await held.over.wait()
        owned = held if isinstance(held, _Owned) else self._ask(resource, secrets)
        owned.users += 1
        try:
            await owned.ready.wait()
            if owned.error is not None:
                raise ResourceFailed(resource.name, owned.error) from owned.error
        except BaseException:
            self._give_back({"": owned})
            raise
        return owned

    def _ask(self, resource: Resource[Any], secrets: Secrets) -> _Owned:
        held = self._held[resource] = _Owned(resource, secrets, stale=self._is_stale(resource))
        self._asked.append(held)
        self._awake()
        return held

    def _take_plain(self, resource: Resource[Any], secrets: Secrets) -> _Held:
        held = self._held.get(resource)
        if held is None:
            held = self._held[resource] = self._open_plain(resource, secrets)
        held.users += 1
        return held

    def _give_back(self, taken: Mapping[str, _Held]) -> None:
        for held in reversed(list(taken.values())):
            held.users -= 1
            self._close_if_stale(held)

    def _is_stale(self, resource: Resource[Any]) -> bool:
        return self._wanted is not None and resource not in self._wanted

    def _close_if_stale(self, held: _Held) -> None:
        if held.stale and not held.users:
            self._close(held)

    # --- opening and closing ------------------------------------------------------------------

    async def _own(self, held: _Owned) -> None:
        """Open, hold and close one resource."""
        lend(held.secrets)
        try:
            async with (
                self.lent(held.resource.uses, held.secrets) as values,
                asynccontextmanager(held.resource.fn)(**values) as held.value,
            ):
                held.is_open = True
                held.ready.set()
                await held.closing.wait()
        # Seam to user code: what opens and closes a resource may raise anything.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            held.error = error
            if held.is_open:
                _tell_of(held, error)
        finally:
            self._forget(held)
            if not held.is_open and held.error is None:
                held.error = RuntimeError("it was not opened before the end")
            held.ready.set()
            held.over.set()

    def _open_plain(self, resource: Resource[Any], secrets: Secrets) -> _Plain:
        made_of: dict[str, _Held] = {}
        try:
            for name, other in resource.uses.items():
                made_of[name] = self._take_plain(other, secrets)
            made = contextmanager(resource.fn)(**{n: h.value for n, h in made_of.items()})
            context = Context()
            value = context.run(_entered, made, secrets)
        # Seam to user code: as above.
        except (Exception, SystemExit) as error:
            self._give_back(made_of)
            raise ResourceFailed(resource.name, error) from error

        def close() -> None:
            context.run(made.__exit__, None, None, None)

        held = _Plain(resource, close, stale=self._is_stale(resource))
        held.value, held.made_of = value, tuple(made_of.values())
        return held

    def _close(self, held: _Held) -> None:
        """Begin to close one that lives on the loop; any other is closed at once."""
        if held.is_closing:
            return
        held.is_closing = True
        if isinstance(held, _Owned):
            held.closing.set()
        elif isinstance(held, _Plain):
            self._forget(held)
            try:
                held.close()
            # Seam to user code: as above.
            except (Exception, SystemExit) as error:  # noqa: BLE001
                _tell_of(held, error)
            self._give_back({str(n): one for n, one in enumerate(held.made_of)})

    async def _close_all(self) -> None:
        """Close all: what others are made of after them."""
        self.keep(frozenset())
        while self._held:
            free = [held for held in self._held.values() if not held.users]
            closing = free or list(self._held.values())  # an attempt that was given up has them
            for held in closing:
                self._close(held)
            for held in closing:
                if isinstance(held, _Owned):
                    await held.over.wait()

    def _forget(self, held: _Held) -> None:
        if self._held.get(held.resource) is held:
            del self._held[held.resource]

    def _awake(self) -> None:
        if self._wake is not None:
            self._wake.set()


def _entered(made: Any, secrets: Secrets) -> Any:
    lend(secrets)
    return made.__enter__()


def _tell_of(held: _Held, error: BaseException) -> None:
    how = "did not close well" if held.is_closing else "has failed; it is opened anew when used"
    _log.error("resource %s %s: %r", held.resource.name, how, error, exc_info=error)
