"""Makes an attempt ready to run: its context, its arguments, the encoding of its result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from triphammer.config.secrets import Secrets
from triphammer.flows.codec import convert, encode
from triphammer.flows.context import TaskContext
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Launch, RunStart
from triphammer.flows.executors.contract import Attempt, AttemptId
from triphammer.flows.expr import resolve
from triphammer.flows.graph import Node
from triphammer.flows.journal import Artifacts, Encoded


def make_attempt(
    start: RunStart,
    launch: Launch,
    scope: RunScope,
    *,
    state: Mapping[str, bytes],
    artifacts: Artifacts,
    secrets: Secrets,
    workdir: Path,
    now: int,
) -> Attempt:
    """The attempt that `launch` asks for. Nothing is decoded yet: its executor does that."""
    node = launch.node
    timeout = node.options.timeout
    context = TaskContext(
        run=start.id,
        flow=start.flow.name,
        task=launch.name,
        attempt=launch.attempt,
        event=start.event,
        params=start.params,
        deadline=None if timeout is None else now + int(timeout * 1e6),
        workdir=workdir / start.id,
        state=state,
        secrets=secrets,
    )
    returned = node.spec.hints.get("return", Any)
    return Attempt(
        id=AttemptId(start.id, launch.name, launch.attempt, start.epoch),
        flow=start.flow.name,
        body=partial(_call, node, launch, scope),
        encode=partial(_encode, returned, artifacts, launch.name),
        context=context,
        timeout=timeout,
        where=node.where,
    )


def executor_of(node: Node) -> str:
    """Where a node's attempts run: as asked for, else by the kind of its function.

    What only writes into the outbox is quick and runs on the flow loop.
    """
    if node.options.executor is not None:
        return node.options.executor
    return "async" if node.spec.is_async or node.spec.kind != "task" else "thread"


def _encode(returned: Any, artifacts: Artifacts, name: str, value: Any) -> Encoded:
    return encode(value, returned, artifacts, name=f"the result of {name}")


def _call(node: Node, launch: Launch, scope: RunScope) -> Any:
    args = launch.value if launch.item is not None else resolve(node.args, scope)
    kwargs: dict[str, Any] = resolve(dict(node.kwargs), scope)
    names = _positional(node.spec.fn)
    hints = node.spec.hints
    fitted = [
        _fit(value, hints, names[place] if place < len(names) else None, node)
        for place, value in enumerate(args)
    ]
    named = {name: _fit(value, hints, name, node) for name, value in kwargs.items()}
    return node.spec.fn(*fitted, **named)


def _fit(value: Any, hints: Mapping[str, Any], name: str | None, node: Node) -> Any:
    annotation = hints.get(name, Any) if name is not None else Any
    if annotation is Any:
        return value
    return convert(value, annotation, name=f"{node.name}: argument {name!r}")


@lru_cache(maxsize=4096)
def _positional(fn: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the positional parameters, in order."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in inspect.signature(fn).parameters.values() if p.kind in kinds)
