"""Makes an attempt ready to run: its context, its arguments, the encoding of its result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

from triphammer.config.secrets import Secrets
from triphammer.flows.codec import convert, encode
from triphammer.flows.context import TaskContext, context
from triphammer.flows.engine.parcels import pack
from triphammer.flows.engine.plan import PlannedNode
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Launch, RunStart
from triphammer.flows.errors import FlowError, ValueMisfit
from triphammer.flows.executors.contract import Attempt, AttemptId
from triphammer.flows.expr import missing, resolve
from triphammer.flows.journal import Encoded
from triphammer.flows.opened import Opened
from triphammer.flows.outcomes import Ended
from triphammer.flows.resource import Resource
from triphammer.flows.signatures import misfit_of_row
from triphammer.flows.workdir import RunFolder

_SHARED = (str, int, float, bool, bytes, type(None))


class Upstreams(Mapping[str, Ended]):
    """How the tasks before this one have ended, by name. The last part of a name will do
    where only one ends so: `parse` for `extract.parse`."""

    __slots__ = ("_scope", "names")

    def __init__(self, names: Sequence[str], scope: RunScope) -> None:
        self.names = names
        self._scope = scope

    def __getitem__(self, key: str) -> Ended:
        ended = self._scope.ended(self.full(key))
        if ended is None:
            raise KeyError(f"{key!r} has not ended; there are: {', '.join(self)}")
        return ended

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.names if self._scope.ended(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def full(self, key: str) -> str:
        """The whole name that `key` is, or is the only end of."""
        if key in self.names:
            return key
        near = [name for name in self.names if name.endswith((f".{key}", f"/{key}"))]
        return near[0] if len(near) == 1 else key


class Results(Mapping[str, Any]):
    """What the tasks before this one have given, by name, decoded afresh at each look. The last
    part of a name will do as in `Upstreams`."""

    __slots__ = ("_ends", "_scope")

    def __init__(self, ends: Upstreams, scope: RunScope) -> None:
        self._ends = ends
        self._scope = scope

    def __getitem__(self, key: str) -> Any:
        name = self._ends.full(key)
        if name not in self._ends.names:
            known = ", ".join(self._ends.names) or "none"
            text = f"{key!r} does not stand right before this task ({known} do): write {key} >> it"
            raise KeyError(text)
        if self._scope.stored(name) is None:
            raise KeyError(f"{key!r} has no result: it is {self._ends[name].state}")
        return self._scope.result(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._ends.names if self._scope.stored(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Call:
    """One attempt's call. In the executor's thread it finds and converts the arguments, then
    calls the function; `encode` gives its result the stored form."""

    __slots__ = ("_launch", "_scope")

    def __init__(self, launch: Launch, scope: RunScope) -> None:
        self._launch = launch
        self._scope = scope

    def __call__(self) -> Any:
        fitted, named = self.arguments()
        given = {*self._launch.node.positional[: len(fitted)], *named}
        fn = partial(self._launch.node.node.spec.fn, *fitted, **named)
        return self._with_resources(fn, given)

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """What the function is given, by place and by name. Raises `ValueMisfit`, and what
        evaluating it raises."""
        planned = self._launch.node
        kwargs: Mapping[str, Any] = planned.node.kwargs
        by_name: Mapping[str, Any] = {}
        fitted: list[Any] = []
        if self._launch.item is not None and planned.node.options.by_name:
            by_name = self._by_name(planned, kwargs)
        elif self._launch.item is not None:
            item = enumerate(_item(self._launch))
            fitted = [_fit(planned, _name(planned, i), value) for i, value in item]
        else:
            args = enumerate(planned.node.args)
            fitted = [self._value(_name(planned, i), template) for i, template in args]
        named = {name: self._value(name, template) for name, template in kwargs.items()}
        return fitted, {**named, **by_name}

    def _by_name(self, planned: PlannedNode, fixed: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments that the item itself is. Raises `ValueMisfit` where it does not fit."""
        (row,) = _item(self._launch)
        wrong = misfit_of_row(planned.node.spec.fn, row, fixed, planned.node.spec.uses)
        if wrong is not None:
            raise ValueMisfit(f"{self._launch.name}: {wrong}")
        return {name: _fit(planned, name, value) for name, value in row.items()}

    def _with_resources(self, fn: Callable[..., Any], given: Container[str]) -> Any:
        """What `fn` gives, with the resources that the call has left to us."""
        planned = self._launch.node
        wanted = {n: r for n, r in planned.node.spec.uses.items() if n not in given}
        if not wanted:
            return fn()
        running = context()
        if running.opened is None:
            raise FlowError(f"the executor {planned.executor!r} cannot open resources")
        if planned.node.spec.is_async:
            return _awaited(fn, running.opened, wanted, running.secrets)
        with running.opened.lent_plain(wanted, running.secrets) as values:
            return fn(**values)

    def _value(self, name: str | None, template: Any) -> Any:
        """An argument. A rule may let the task run past an upstream that has no result: then
        it is None, whatever the annotation."""
        value = resolve(template, self._scope)
        if value is None and missing(template, self._scope):
            return None
        return _fit(self._launch.node, name, value)

    def encode(self, value: Any) -> Encoded:
        """The stored form of what the function returned. Raises `ValueMisfit`."""
        planned = self._launch.node
        name = f"the result of {self._launch.name}"
        return encode(value, planned.returned, self._scope.artifacts, name=name)


async def _awaited(
    fn: Callable[..., Any], opened: Opened, wanted: Mapping[str, Resource[Any]], secrets: Secrets
) -> Any:
    async with opened.lent(wanted, secrets) as values:
        return await fn(**values)


def make_attempt(
    start: RunStart,
    launch: Launch,
    scope: RunScope,
    *,
    state: Callable[[str], Mapping[str, bytes]],
    folder: RunFolder,
    earlier: int = 0,
    largest: int = sys.maxsize,
) -> Attempt:
    """The attempt that `launch` asks for. Nothing is decoded yet: its executor does that."""
    flow, node, call = start.flow.name, launch.node.node, Call(launch, scope)
    upstream = Upstreams(node.above, scope)
    own = TaskContext(
        run=start.id,
        flow=flow,
        task=launch.name,
        attempt=launch.attempt,
        earlier=earlier,
        event=start.event,
        params=start.params,
        folder=folder,
        state=state,
        secrets=scope.secrets,
        upstream=upstream,
        results=Results(upstream, scope),
        root=start.flow.root,
    )
    own.files, own.largest = scope.artifacts, largest
    id = AttemptId(start.id, launch.name, launch.attempt, start.epoch)
    return Attempt(
        id=id,
        flow=flow,
        body=call,
        encode=call.encode,
        context=own,
        pack=partial(
            pack,
            id,
            start,
            launch,
            scope,
            state=state,
            folder=folder,
            earlier=earlier,
            largest=largest,
        ),
        timeout=node.options.timeout,
        where=node.where,
        uses=bool(node.spec.uses),
        env=node.options.env,
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
