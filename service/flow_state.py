"""The durable mapping of a flow, read and written from outside its runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import anyio
import msgspec

from triphammer.config.secrets import Secrets
from triphammer.flows.context import RESERVED, state_value
from triphammer.flows.executors.contract import AttemptId
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.dispatcher.flow_state import FlowStates
from triphammer.service.errors import Changed, StateForbids, UnknownFlow, UnknownKey
from triphammer.service.library import Library
from triphammer.service.store.contract import Outcome, Store, WriteState

NAMED = 3
"""So many tasks under way are named in a refusal."""


class FlowStateEditor:
    """What operators do to the state of flows.

    A task under way goes by the state that it saw first, and what it writes commits with its
    success: it would have the last word about a key that both write. So nothing is written
    while a task of the flow is under way, unless it is forced.
    """

    def __init__(
        self,
        *,
        store: Store,
        states: FlowStates,
        library: Library,
        under_way: Callable[[str], Sequence[AttemptId]],
        secrets: Secrets,
    ) -> None:
        self._store = store
        self._states = states
        self._library = library
        self._under_way = under_way
        self._secrets = secrets

    async def mapping(self, flow: str) -> Mapping[str, bytes]:
        """All keys with their values as JSON. Of a flow that is gone, what it has left.

        Raises `UnknownFlow` when there is neither a flow nor a state.
        """
        found = await self._store.flow_state(flow)
        if not found and flow not in self._library.live:
            raise UnknownFlow(flow, self._library.live)
        return {key: value for key, value in found.items() if not key.startswith(RESERVED)}

    async def value(self, flow: str, key: str) -> bytes:
        """One value as JSON. Raises `UnknownKey`."""
        found = await self.mapping(flow)
        if key not in found:
            raise UnknownKey(flow, key, found)
        return found[key]

    async def set(
        self, flow: str, key: str, value: Any, *, force: bool, match: str | None = None
    ) -> Sequence[str]:
        """Write a value; the tasks that were under way then, which may overwrite it.

        With `match` only where the value has this tag. Raises `StateForbids`, `Changed`,
        `ValueMisfit` for what is no JSON.
        """
        body = state_value(key, value)
        found = await self.mapping(flow)
        self._library.flow(flow)
        expected = _matched(key, found.get(key), match)
        return await self._write(flow, {key: body}, expected, force=force)

    async def delete(
        self, flow: str, key: str, *, force: bool, match: str | None = None
    ) -> Sequence[str]:
        """Delete a key; the tasks that were under way then. Raises as `set`, and `UnknownKey`."""
        value = await self.value(flow, key)
        expected = _matched(key, value, match)
        return await self._write(flow, {key: None}, expected, force=force)

    async def clear(self, flow: str, *, force: bool) -> tuple[Sequence[str], Sequence[str]]:
        """Delete all keys: which there were, and the tasks that were under way then."""
        found = await self.mapping(flow)
        keys = sorted(found)
        return keys, await self._write(flow, dict.fromkeys(keys), {}, force=force)

    def shown(self, value: bytes) -> Any:
        """A value for people to read: secrets are masked."""
        return _masked(msgspec.json.decode(value), self._secrets.mask)

    async def _write(
        self,
        flow: str,
        writes: Mapping[str, bytes | None],
        expected: Mapping[str, bytes | None],
        *,
        force: bool,
    ) -> Sequence[str]:
        busy = self._under_way(flow)
        if busy and not force:
            raise StateForbids(_refusal(flow, busy))
        outcome, tasks = await self._commit(WriteState(flow=flow, writes=writes, expected=expected))
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is False:
            raise _changed(next(iter(expected)))
        return tasks

    async def _commit(self, unit: WriteState) -> tuple[Outcome, Sequence[str]]:
        """Store and take over in memory in one step of the loop: no task begins in between."""
        stored = anyio.Event()
        answer: list[tuple[Outcome, Sequence[str]]] = []

        def done(outcomes: Sequence[Outcome]) -> None:
            if outcomes[0] is True:
                self._states.apply(unit.flow, unit.writes)
            answer.append((outcomes[0], [id.task for id in self._under_way(unit.flow)]))
            stored.set()

        self._store.post([unit], done)
        with anyio.CancelScope(shield=True):
            await stored.wait()
        if isinstance(answer[0][0], StoreUnavailable):
            raise answer[0][0]
        return answer[0]


def tag_of(value: bytes) -> str:
    """What a value is recognised by: an entity tag, as `If-Match` takes it."""
    return f'"{hashlib.sha256(value).hexdigest()[:16]}"'


def _matched(key: str, value: bytes | None, match: str | None) -> Mapping[str, bytes | None]:
    """What the store must find so that a write is about the value that `match` means."""
    if match is None:
        return {}
    tags = [tag.strip() for tag in match.split(",")]
    if value is None or not ("*" in tags or tag_of(value) in tags):
        raise _changed(key)
    return {key: value}


def _changed(key: str) -> Changed:
    return Changed(f"{key!r} does not have the value that If-Match names: read it again")


def _refusal(flow: str, busy: Sequence[AttemptId]) -> str:
    named = ", ".join(f"{id.task} of {id.run}" for id in busy[:NAMED])
    more = f" and {len(busy) - NAMED} more" if len(busy) > NAMED else ""
    return (
        f"{flow} is at work: {named}{more} may write its state at the end. Pause it, wait for "
        "them and try again, or force it: what they write then has the last word"
    )


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return list(map(partial(_masked, mask=mask), cast("list[object]", value)))
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        return {mask(key): _masked(item, mask) for key, item in table.items()}
    return value
