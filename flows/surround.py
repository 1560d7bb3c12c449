"""What is drawn around tasks: setups before them, teardowns after them, handlers of their end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from triphammer.flows.conditions import Condition
from triphammer.flows.drawing import Drawing
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import Expr, Scope
from triphammer.flows.graph import IN_ENV, Options, Role, TaskSpec
from triphammer.flows.handle import Handle, node_handle
from triphammer.flows.journal import ErrorInfo
from triphammer.flows.places import user_place

READY = "triphammer.flows.ready."
"""Where the tasks live that are triphammer's own."""


class Outcome(Condition):
    """Whether a task has failed itself, or a body as a whole: one of its last nodes did not
    succeed. `negated`: whether it has succeeded."""

    __slots__ = ("_body", "_names", "_negated")

    def __init__(self, names: Sequence[str], *, body: bool, negated: bool) -> None:
        self._names = names
        self._body = body
        self._negated = negated

    def evaluate(self, scope: Scope) -> bool:
        ends = [ended for name in self._names if (ended := scope.ended(name)) is not None]
        if self._body:
            return any(one.unsuccessful for one in ends) is not self._negated
        return any(one.state == ("succeeded" if self._negated else "failed") for one in ends)

    def __repr__(self) -> str:
        return f"{', '.join(self._names)} {'succeeded' if self._negated else 'failed'}"


class FirstError(Expr):
    """The error of the task that failed first; of a body with the task's name in it, or that
    its time was over."""

    __slots__ = ("_body", "_names")

    def __init__(self, names: Sequence[str], *, body: bool) -> None:
        self._names = names
        self._body = body

    def evaluate(self, scope: Scope) -> ErrorInfo | None:
        ends = [(name, e) for name in self._names if (e := scope.ended(name)) is not None]
        cut = [e.error for _, e in ends if e.state == "cancelled"]
        if self._body and cut:  # the flow's time was over
            return cut[0]
        failed = [(e.at, name, e.error) for name, e in ends if e.state == "failed"]
        if not failed:
            return None
        _, name, error = min(failed, key=lambda one: one[:2])
        if error is None or not self._body:
            return error
        return msgspec.structs.replace(error, message=f"{name}: {error.message}")

    def upstream(self) -> Iterator[str]:
        yield from self._names


def draw(
    drawing: Drawing,
    spec: TaskSpec,
    options: Options,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    mapped: bool = False,
    body: Callable[[str], None] | None = None,
) -> Handle:
    """Draw one node, by `body` what is inside it, and what its options want around it."""
    bare = msgspec.structs.replace(
        options,
        setup=(),
        teardown=(),
        on_success=(),
        on_failure=(),
        env=options.env or (drawing.env if _takes_env(spec, options) else None),
    )
    around = any((options.setup, options.teardown, options.on_success, options.on_failure))
    before = len(drawing.names) if around else 0
    name = drawing.add(spec.name, spec, bare, args, kwargs, mapped=mapped)
    handle = node_handle(drawing, name)
    if body is not None:
        body(name)
    if not around:
        return handle
    if any(one is True for one in options.setup):
        drawing.change(name, role="setup")
    if any(one is True for one in options.teardown):
        _make_teardown(drawing, name)
    handle_end(drawing, [name], options, handle, body=False)
    enclose(drawing, drawing.names[before:], _given(options.setup), _given(options.teardown))
    return handle


def _takes_env(spec: TaskSpec, options: Options) -> bool:
    """Whether a task runs in the environment of its flow: what is ours needs none, and where
    somebody has said where it runs, it runs there."""
    # Functions in C do not always say where they come from.
    ours = (getattr(spec.fn, "__module__", None) or "").startswith(READY)
    return spec.kind == "task" and options.executor in (None, IN_ENV) and not ours


def _given(around: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one for one in around if one is not True)


def enclose(
    drawing: Drawing, work: Sequence[str], setup: Sequence[Any], teardown: Sequence[Any]
) -> None:
    """Let `work` wait for the setups, and the teardowns for all of both."""
    made = [_drawn(drawing, one, (), "setup") for one in setup]
    setups = [handle.graph_ends.first[0] for handle in made]
    for name in setups:
        drawing.change(name, role="setup")
    work = [name for name in work if name not in setups]
    undone = [_drawn(drawing, one, made[:1], "teardown") for one in teardown]
    teardowns = [handle.graph_ends.first[0] for handle in undone]
    work = [name for name in work if name not in teardowns]
    for name in work:
        guards = dict.fromkeys((*drawing.node(name).setups, *setups))
        drawing.change(name, setups=tuple(guards))
    for name in teardowns:
        _make_teardown(drawing, name)
        drawing.change(name, undoes=tuple(setups))
        for before in (*setups, *work):
            drawing.order(before, name)


def _make_teardown(drawing: Drawing, name: str) -> None:
    options = drawing.node(name).options
    if options.trigger_rule == "all_success":
        options = msgspec.structs.replace(options, trigger_rule="all_done_setup_success")
    drawing.change(name, role="teardown", options=options)


def handle_end(
    drawing: Drawing, names: Sequence[str], options: Options, result: Any, *, body: bool
) -> None:
    """Draw the handlers of one task's end, or of a body's that is made of `names`."""
    ends = drawing.ends(names)
    deciding = ends.last if body else names
    error = Handle("error", FirstError(names, body=body), ends)
    for handlers, value, negated in (
        (options.on_success, result, True),
        (options.on_failure, error, False),
    ):
        for handler in handlers:
            condition = Outcome(deciding, body=body, negated=negated)
            _draw_handler(drawing, handler, value, names, condition)


def _draw_handler(
    drawing: Drawing, handler: Any, value: Any, names: Sequence[str], condition: Outcome
) -> None:
    before = len(drawing.names)
    _called(handler, [value], "handler")
    drawn = drawing.names[before:]
    first = drawing.ends(drawn).first
    for name in drawn:
        drawing.change(name, role="handler")
    for name in first:
        options = drawing.node(name).options
        rule = "all_done" if options.trigger_rule == "all_success" else options.trigger_rule
        when = condition if options.when is None else condition & options.when
        drawing.change(name, options=msgspec.structs.replace(options, trigger_rule=rule, when=when))
        for upstream in names:
            drawing.order(upstream, name)


def _drawn(drawing: Drawing, one: Any, values: Sequence[Any], role: Role) -> Handle:
    """The handle of a setup or teardown: one task, called by now."""
    found = one if isinstance(one, Handle) else _called(one, values, role)
    if not isinstance(found, Handle) or not _is_one_task(found):
        _refuse(f"{role}= takes one task, or a list of such; {one!r} is something else")
    if found.graph_ends.drawing is not drawing:
        _refuse(f"{role}= got {found!r} of another flow: draw it in this one")
    return found


def _is_one_task(handle: Handle) -> bool:
    drawing, first, last = handle.graph_ends
    return len(first) == 1 and list(first) == list(last) and not drawing.has_body(first[0])


def _called(fn: Callable[..., Any], values: Sequence[Any], role: Role) -> Any:
    """Call a task or a function that draws; it takes nothing, or the value that there is."""
    takes = _required(fn)
    if takes > len(values):
        most = "nothing, or one value" if values else "nothing"
        _refuse(f"{fn!r} as a {role} is called with {most}, and needs {takes}: call it yourself")
    return fn(*values[:takes])


def _required(fn: Callable[..., Any]) -> int:
    """How many arguments must be given; a flow's event comes by itself."""
    signature = getattr(fn, "signature", None) or inspect.signature(fn)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = [p for p in signature.parameters.values() if p.kind not in kinds]
    if getattr(fn, "takes_event", False):
        parameters = [p for p in parameters if p.name != "event"]
    return sum(1 for p in parameters if p.default is inspect.Parameter.empty)


def _refuse(message: str) -> NoReturn:
    place = user_place()
    raise GraphError(message, place.file, place.line)
