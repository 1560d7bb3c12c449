"""Makes an attempt ready to run: its context, its arguments, the encoding of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from triphammer.flows.codec import convert, encode
from triphammer.flows.context import TaskContext
from triphammer.flows.engine.parcels import pack
from triphammer.flows.engine.plan import PlannedNode
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Launch, RunStart
from triphammer.flows.executors.contract import Attempt, AttemptId
from triphammer.flows.expr import resolve
from triphammer.flows.journal import Encoded
from triphammer.flows.workdir import RunFolder

_SHARED = (str, int, float, bool, bytes, type(None))


class Call:
    """One attempt's call. In the executor's thread it finds and converts the arguments, then
    calls the function; `encode` gives its result the stored form."""

    __slots__ = ("_launch", "_scope")

    def __init__(self, launch: Launch, scope: RunScope) -> None:
        self._launch = launch
        self._scope = scope

    def __call__(self) -> Any:
        planned, scope = self._launch.node, self._scope
        kwargs: Mapping[str, Any] = planned.node.kwargs
        args = _item(self._launch) if planned.node.mapped else resolve(planned.node.args, scope)
        fitted = [_fit(planned, _name(planned, i), value) for i, value in enumerate(args)]
        named = {k: _fit(planned, k, resolve(v, scope)) for k, v in kwargs.items()}
        return planned.node.spec.fn(*fitted, **named)

    def encode(self, value: Any) -> Encoded:
        """The stored form of what the function returned. Raises `ValueMisfit`."""
        planned = self._launch.node
        name = f"the result of {self._launch.name}"
        return encode(value, planned.returned, self._scope.artifacts, name=name)


def make_attempt(
    start: RunStart,
    launch: Launch,
    scope: RunScope,
    *,
    state: Callable[[str], Mapping[str, bytes]],
    folder: RunFolder,
) -> Attempt:
    """The attempt that `launch` asks for. Nothing is decoded yet: its executor does that."""
    flow, call = start.flow.name, Call(launch, scope)
    context = TaskContext(
        run=start.id,
        flow=flow,
        task=launch.name,
        attempt=launch.attempt,
        event=start.event,
        params=start.params,
        folder=folder,
        state=state,
        secrets=scope.secrets,
    )
    node = launch.node.node
    id = AttemptId(start.id, launch.name, launch.attempt, start.epoch)
    return Attempt(
        id=id,
        flow=flow,
        body=call,
        encode=call.encode,
        context=context,
        pack=partial(pack, id, start, launch, scope, state=state, folder=folder),
        timeout=node.options.timeout,
        where=node.where,
    )


def _item(launch: Launch) -> tuple[Any, ...]:
    """The item's arguments. What an attempt does to them must not reach the next attempt or,
    with `cross=True`, another item."""
    options = launch.node.node.options
    if not options.retries and not options.cross and options.errors != "collect":
        return launch.value
    return tuple(v if isinstance(v, _SHARED) else deepcopy(v) for v in launch.value)


def _name(planned: PlannedNode, place: int) -> str | None:
    names = planned.positional
    return names[place] if place < len(names) else planned.rest


def _fit(planned: PlannedNode, name: str | None, value: Any) -> Any:
    annotation = planned.hints.get(name, Any) if name is not None else Any
    if annotation is Any:
        return value
    return convert(value, annotation, name=f"{planned.name}: argument {name!r}")
