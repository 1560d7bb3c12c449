"""Looks for results that were found before, in place of attempts of tasks with `cache=`."""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.errors import TriphammerError
from triphammer.flows.copying import PIECE
from triphammer.flows.engine.active import ActiveRun, Answer
from triphammer.flows.engine.fingerprints import fingerprint
from triphammer.flows.engine.values import Launch
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.journal import Artifacts, Cached, Encoded

Find = Callable[[Sequence[tuple[str, int]]], Awaitable[Mapping[str, Cached]]]
"""Of hashes, each with a time: the newest results since then. Raises `TriphammerError`."""
_log = logging.getLogger("triphammer.cache")


class Looked(msgspec.Struct, frozen=True):
    """What was found for launches of a run: `hits`, and those that must run."""

    run: ActiveRun
    hits: Sequence[tuple[Launch, Cached]]
    misses: Sequence[Launch]

    def answer(self, now: int) -> Answer:
        """The hits, taken as results of attempts."""
        answer = Answer(self.run)
        for launch, cached in self.hits:
            if self.run.machine.wants(launch):
                answer.take(_hit(self.run.id_of(launch), cached, now), now)
        return answer


class Caching:
    """`divert` takes launches away, `tell` is given what was found for them, all on the loop.

    What cannot be found out counts as not found: then the task runs.
    """

    def __init__(
        self,
        find: Find | None,
        now: Callable[[], int],
        artifacts: Artifacts,
        *,
        tell: Callable[[Looked], None],
    ) -> None:
        self._find = find
        self._now = now
        self._artifacts = artifacts
        self._tell = tell
        self._waiting: deque[tuple[ActiveRun, list[Launch]]] = deque()
        self._asked = anyio.Event()
        self.looking = 0
        """Runs for which something is being looked for."""

    def divert(self, run: ActiveRun, launches: Sequence[Launch]) -> Sequence[Launch]:
        """Those of `launches` that may run; for the others is looked first.

        What an operator has run again is run. So is what was looked for already.
        """
        if self._find is None or all(one.node.node.options.cache is None for one in launches):
            return launches
        away = [launch for launch in launches if _is_wanted(run, launch)]
        if away:
            self.looking += 1
            self._waiting.append((run, away))
            self._asked.set()
        return [launch for launch in launches if launch not in away]

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Look until cancelled."""
        task_status.started()
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            while self._waiting:
                run, launches = self._waiting.popleft()
                looked = await self._look(run, launches)
                self.looking -= 1
                self._tell(looked)

    async def _look(self, run: ActiveRun, launches: Sequence[Launch]) -> Looked:
        keys = await anyio.to_thread.run_sync(_keys, run, launches)
        found: dict[str, Cached] = {}
        asked = [(key, self._since(one)) for one, key in zip(launches, keys, strict=True) if key]
        try:
            if self._find is not None:
                found.update(await self._find(asked))
            broken = await anyio.to_thread.run_sync(self._broken, found)
        except TriphammerError as error:
            _log.warning("cached results of run %s cannot be read: %s", run.machine.start.id, error)
            broken = set(found)
        hits: list[tuple[Launch, Cached]] = []
        misses: list[Launch] = []
        for launch, key in zip(launches, keys, strict=True):
            run.cache_keys[launch.name] = launch.attempt, key
            if key in found and key not in broken:
                hits.append((launch, found[key]))
            else:
                misses.append(launch)
        return Looked(run, hits, misses)

    def _since(self, launch: Launch) -> int:
        age = launch.node.node.options.cache
        return 0 if age is None or age == float("inf") else self._now() - int(age * 1e6)

    def _broken(self, found: Mapping[str, Cached]) -> set[str]:
        """Those whose content is not what it was, or not there any more."""
        broken: set[str] = set()
        for key, cached in found.items():
            why = _fault(cached.value, self._artifacts)
            if why is not None:
                _log.warning("a result cached from run %s is not used: %s", cached.run, why)
                broken.add(key)
        return broken


def _is_wanted(run: ActiveRun, launch: Launch) -> bool:
    """Whether a result is to be looked for."""
    looked, _ = run.cache_keys.get(launch.name, (0, None))
    again = run.machine.earlier(launch.name) > 0
    return launch.node.node.options.cache is not None and looked != launch.attempt and not again


def _keys(run: ActiveRun, launches: Sequence[Launch]) -> list[str]:
    """What each depends on; "" where that cannot be told."""
    return [_key(run, launch) for launch in launches]


def _key(run: ActiveRun, launch: Launch) -> str:
    machine = run.machine
    try:
        return fingerprint(machine.start.flow, launch, launch.scope or machine.scope)
    # Seam to user code: values are converted and encoded by methods of theirs, `cache_key=` is
    # theirs. The attempt itself will say what is wrong with its arguments.
    except Exception as error:  # noqa: BLE001
        _log.warning("%s of %s is not cached: %r", launch.name, machine.start.flow.name, error)
        return ""


def _fault(value: Encoded, artifacts: Artifacts) -> str | None:
    """What is wrong with the content that a result names."""
    if value.kind != "artifact":
        return None
    digest, hash = value.body.decode(), hashlib.sha256()
    try:
        with artifacts.path(digest).open("rb") as file:
            while piece := file.read(PIECE):
                hash.update(piece)
    except (TriphammerError, OSError) as error:
        return str(error)
    return None if hash.hexdigest() == digest else f"artifact {digest} is damaged"


def _hit(id: AttemptId, cached: Cached, now: int) -> AttemptResult:
    """A result that was found before, as that of an attempt."""
    return AttemptResult(
        id=id, started_at=now, finished_at=now, value=cached.value, cached_from=cached.run
    )
