"""Dead letters of every kind behind one door: list, redrive, skip.

A kind is one small class; what is dead of it, and what a redrive or a skip means, is its own
business. Ids tell the kinds apart. A list goes through the kinds one after the other, each
in its own order, newest first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from triphammer.config.clock import Clock
from triphammer.sensors.errors import Rejected
from triphammer.service.errors import NotFound, UnknownDeadLetter

BATCH = 500
"""Dead letters that one transaction redrives or skips."""
REFUSED = 100
"""How many that cannot be helped are told of."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Something that will not go on by itself. `at`: when it died, microseconds UTC.

    `place` says to its own kind where a list goes on after it. `target` is where it was to go,
    `reason` the last error, `attempts` how often it was tried.
    """

    kind: str
    id: str
    place: str
    at: int
    reason: str
    attempts: int
    created_at: int
    flow: str | None = None
    run: str | None = None
    target: str | None = None
    key: str | None = None


class DeadFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters: every condition that is not None must hold."""

    kind: str | None = None
    flow: str | None = None
    target: str | None = None
    since: int | None = None
    until: int | None = None


class Acted(msgspec.Struct, frozen=True):
    """How many were dead and are no more, which of the named ones were not dead, and which
    cannot be helped now, each with the reason."""

    count: int
    not_dead: Sequence[str] = ()
    refused: Mapping[str, str] = {}
    runs: Sequence[str] = ()
    """The runs that took the place of what was dead; of very many only the first."""


class Begun(msgspec.Struct, frozen=True):
    """A dead letter has a new life as this run."""

    run: str


Told = bool | str | Begun
"""What became of a dead letter: True or what has `Begun`, False if it was not dead, or why it
must stay dead."""


Find = Callable[[str], Awaitable[Sequence[str]]]


class Kind(Protocol):
    """One kind of dead letters."""

    @property
    def name(self) -> str:
        """As filters name it."""
        ...

    def owns(self, id: str) -> bool:
        """Whether an id is of this kind, dead or not."""
        ...

    async def page(self, which: DeadFilter, after: str | None, limit: int) -> Sequence[DeadLetter]:
        """Dead letters, newest first, after a `place`; none if the filter cannot mean this
        kind. Raises `Rejected` 400 for a place that it never gave."""
        ...

    async def redrive(self, ids: Sequence[str]) -> Sequence[Told]:
        """Give each a new life; what became of it."""
        ...

    async def skip(self, ids: Sequence[str]) -> Sequence[Told]:
        """Give each up for good; what became of it."""
        ...

    async def reopen(self, target: str) -> bool:
        """Before a redrive of all for `target`: send there again; whether that is news."""
        ...


class DeadLetters:
    """All kinds, in the order they are handed in. `find` gives the ids that begin with a text:
    whoever names a dead letter may shorten its id."""

    def __init__(self, kinds: Sequence[Kind], clock: Clock, find: Find) -> None:
        self._kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}
        self._clock = clock
        self._find = find

    def now(self) -> int:
        """The time that letters die by."""
        return self._clock.now()

    async def page(
        self, which: DeadFilter, after: tuple[str, str] | None, limit: int
    ) -> Sequence[DeadLetter]:
        """Dead letters that the filter means, kind by kind; `after` names the last one seen by
        its kind and place."""
        kinds = self._of(which)
        if after is not None:
            kinds = kinds[_index(kinds, after[0]) :]
        found: list[DeadLetter] = []
        for kind in kinds:
            since = after[1] if after is not None and after[0] == kind.name else None
            found += await kind.page(which, since, limit - len(found))
            if len(found) >= limit:
                break
        return found

    async def redrive(self, ids: Sequence[str]) -> Acted:
        """Give these a new life. Raises `UnknownDeadLetter` if none of them is dead, `NotFound`
        for a beginning of several ids."""
        return await self._named(ids, _redrive)

    async def skip(self, ids: Sequence[str]) -> Acted:
        """Give these up for good. Raises as `redrive`."""
        return await self._named(ids, _skip)

    async def redrive_all(self, which: DeadFilter) -> tuple[Acted, bool]:
        """Give all that the filter means a new life: what came of it, and whether its target
        was closed and is open again."""
        reopened = False
        if which.target is not None:
            opened = [await kind.reopen(which.target) for kind in self._of(which)]
            reopened = any(opened)
        return await self._each(which, _redrive), reopened

    async def skip_all(self, which: DeadFilter) -> Acted:
        """Give all that the filter means up for good."""
        return await self._each(which, _skip)

    def _of(self, which: DeadFilter) -> Sequence[Kind]:
        if which.kind is None:
            return list(self._kinds.values())
        if which.kind not in self._kinds:
            known = ", ".join(self._kinds)
            raise Rejected(400, f"kind={which.kind!r}: dead letters are of kind {known}")
        return [self._kinds[which.kind]]

    async def _named(self, ids: Sequence[str], act: _Act) -> Acted:
        told: dict[str, Told] = dict.fromkeys([await self._whole(id) for id in ids], False)
        for kind in self._kinds.values():
            own = [id for id in told if kind.owns(id)]
            if own:
                told.update(zip(own, await act(kind, own), strict=True))
        acted = _acted(told)
        if len(acted.not_dead) == len(told):
            raise UnknownDeadLetter(acted.not_dead)
        return acted

    async def _whole(self, id: str) -> str:
        """The id that `id` is, or is the only beginning of; what follows a slash stays."""
        key, slash, rest = id.partition("/")
        found = await self._find(key)
        if len(found) > 1 and key not in found:
            raise NotFound(f"{key!r} is the beginning of several: {', '.join(found)}")
        return f"{found[0]}{slash}{rest}" if len(found) == 1 else id

    async def _each(self, which: DeadFilter, act: _Act) -> Acted:
        """What dies while this goes on is left alone: it would never end."""
        until = self._clock.now() + 1 if which.until is None else which.until
        bounded = msgspec.structs.replace(which, until=until)
        done, refused, runs = 0, dict[str, str](), list[str]()
        for kind in self._of(which):
            after: str | None = None
            while found := await kind.page(bounded, after, BATCH):
                after = found[-1].place
                ids = [letter.id for letter in found]
                acted = _acted(dict(zip(ids, await act(kind, ids), strict=True)))
                done += acted.count
                runs += acted.runs[: max(0, BATCH - len(runs))]
                refused.update(islice(acted.refused.items(), REFUSED - len(refused)))
        return Acted(done, refused=refused, runs=tuple(runs))


_Act = Callable[[Kind, Sequence[str]], Awaitable[Sequence[Told]]]


async def _redrive(kind: Kind, ids: Sequence[str]) -> Sequence[Told]:
    return await kind.redrive(ids)


async def _skip(kind: Kind, ids: Sequence[str]) -> Sequence[Told]:
    return await kind.skip(ids)


def _acted(told: Mapping[str, Told]) -> Acted:
    return Acted(
        count=sum(each is True or isinstance(each, Begun) for each in told.values()),
        runs=tuple(each.run for each in told.values() if isinstance(each, Begun)),
        not_dead=sorted(id for id, each in told.items() if each is False),
        refused={id: each for id, each in told.items() if isinstance(each, str)},
    )


def _index(kinds: Sequence[Kind], name: str) -> int:
    for number, kind in enumerate(kinds):
        if kind.name == name:
            return number
    raise Rejected(400, "the cursor is of another list: pass `next` of this one's last page")
