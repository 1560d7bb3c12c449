"""Which way a run goes: `branch` draws the ways apart, `first_of` brings them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, Unpack

import msgspec

from triphammer.flows.conditions import Condition
from triphammer.flows.drawing import Drawing, Result, drawing_now
from triphammer.flows.errors import GraphError, ValueMisfit
from triphammer.flows.expr import Expr, Scope, needs, resolve
from triphammer.flows.graph import Options, TaskSpec
from triphammer.flows.handle import Handle
from triphammer.flows.kinds import is_array, is_mapping
from triphammer.flows.options import TaskOptions, apply_options
from triphammer.flows.places import user_place
from triphammer.flows.surround import draw


class Chosen(Condition):
    """Whether one of `keys` was chosen. The default way is chosen too (`others`: what has ways
    of its own) by nothing and by a key without a way."""

    __slots__ = ("_choice", "_keys", "_others")

    def __init__(
        self, choice: Expr, keys: Sequence[Any], others: Sequence[Any] | None = None
    ) -> None:
        self._choice = choice
        self._keys = keys
        self._others = others

    def evaluate(self, scope: Scope) -> bool:
        chosen = self._choice.evaluate(scope)
        if chosen is None:  # the branch itself did not succeed
            return False
        if any(key in self._keys for key in chosen):
            return True
        others = self._others
        return others is not None and (not chosen or any(key not in others for key in chosen))

    def parts(self) -> Iterator[Any]:
        yield self._choice

    def __repr__(self) -> str:
        default = () if self._others is None else ("default",)
        return " or ".join([*map(repr, self._keys), *default])


class FirstOf(Expr):
    """The value of the task that succeeded first; of several at once, the first one named."""

    __slots__ = ("_values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def evaluate(self, scope: Scope) -> Any:
        found: list[tuple[int, int]] = []
        for place, value in enumerate(self._values):
            ended = scope.ended(next(needs(value)))
            if ended is not None and ended.state == "succeeded":
                found.append((ended.at, place))
        return resolve(self._values[min(found)[1]], scope) if found else None

    def parts(self) -> Iterator[Any]:
        yield self._values


class Branch:
    """`branch(...)`: chooses between ways."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def options(self, **options: Unpack[TaskOptions]) -> Branch:
        """With these options: `branch.options(name="by_region")(...)`."""
        return Branch(apply_options(self._options, options, is_async=False))

    def __call__(self, choice: Any, ways: Mapping[Any, Any], *, default: Any = None) -> Handle:
        """Run the tasks under the key that `choice` is, skip the others.

        `choice` is a value of the run: one key of `ways` or a list of keys. A way is a task
        call, a group, a sub-flow, a list of them, or None for nothing to do. `default` is the
        way for nothing chosen and for keys that have none; without it such a key fails the
        branch. Behind the ways use `first_of(...)`, or a task with the trigger rule
        `none_failed_min_one_success`. Raises `GraphError`.
        """
        drawing = _drawing("branch")
        if not is_mapping(ways) or not ways:
            _refuse(f"branch() got {ways!r}: it takes its ways by key: {{'eu': a, 'us': b}}")
        keys = list(ways)
        if any(not isinstance(key, (str, int)) for key in keys):
            _refuse(f"branch() got the keys {keys!r}: a key is a text, a number or a bool")
        arguments = {"keys": keys, "default": default is not None}
        handle = draw(drawing, _BRANCH, self._options, (choice,), arguments)
        chosen = Result(drawing, handle.graph_ends.first[0])
        heads: dict[str, list[Any]] = {}
        for key, way in ways.items():
            for head in _heads(drawing, way):
                heads.setdefault(head, []).append(key)
        others = set(_heads(drawing, default))
        for head in dict.fromkeys((*heads, *others)):
            own, left = heads.get(head, []), keys if head in others else None
            _condition(drawing, handle, head, Chosen(chosen, own, left))
        return handle


class FirstOfCall:
    """`first_of(...)`: one value of several that may not be there."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options(trigger_rule="one_success")

    def options(self, **options: Unpack[TaskOptions]) -> FirstOfCall:
        """With these options: `first_of.options(name="price")(...)`."""
        return FirstOfCall(apply_options(self._options, options, is_async=False))

    def __call__(self, *values: Any) -> Handle:
        """The result of the first of these tasks to succeed, as soon as it has.

        It is skipped when all were, and cannot run when none succeeded and one failed. Raises
        `GraphError`.
        """
        drawing = _drawing("first_of")
        for value in values:
            if len(set(needs(value))) != 1:
                _refuse(f"first_of() got {value!r}: it takes the results of tasks, one task each")
        if not values:
            _refuse("first_of() needs something to choose from: first_of(a, b)")
        returns = _annotation(drawing, values)
        spec = TaskSpec(
            name="first_of",
            kind="first_of",
            fn=_same,
            is_async=False,
            hints={"return": returns},
            where="",
        )
        return draw(drawing, spec, self._options, (FirstOf(values),), {})


def _choose(choice: Any, keys: Sequence[Any], default: bool) -> list[Any]:
    """The keys chosen. Raises `ValueMisfit` for one that no way has."""
    if choice is None:
        return []
    chosen: list[Any] = list(choice) if is_array(choice) else [choice]
    unknown = [key for key in chosen if key not in keys]
    if unknown and not default:
        known = ", ".join(map(repr, keys))
        raise ValueMisfit(f"the choice {unknown[0]!r} has no way; there are {known}: add default=")
    return chosen


def _same(value: Any) -> Any:
    return value


def _heads(drawing: Drawing, way: Any) -> Iterator[str]:
    """The tasks that a way begins with."""
    if way is None:
        return
    if is_array(way):
        for one in way:
            yield from _heads(drawing, one)
        return
    if not isinstance(way, Handle):
        _refuse(f"branch() got the way {way!r}: a way is a task call, such as load(rows)")
    if way.graph_ends.drawing is not drawing:
        _refuse(f"branch() got {way!r} of another flow: draw it in this one")
    if not way.graph_ends.first:
        _refuse(f"branch() got {way!r}, which has no task")
    yield from way.graph_ends.first


def _condition(drawing: Drawing, branch: Handle, head: str, chosen: Condition) -> None:
    """Let `head` run only if it was chosen, and if what it says itself holds."""
    options = drawing.node(head).options
    when = chosen if options.when is None else chosen & options.when
    drawing.change(head, options=msgspec.structs.replace(options, when=when))
    drawing.order(branch.graph_ends.first[0], head)


def _annotation(drawing: Drawing, values: Sequence[Any]) -> Any:
    """What all values are annotated with; Any where they differ or are parts of results."""
    found: list[Any] = []
    for value in values:
        node = drawing.node(next(needs(value)))
        whole = isinstance(value, Handle) and value.is_whole
        returned = node.spec.hints.get("return", Any) if whole else Any
        found.append(list.__class_getitem__(returned) if node.mapped else returned)
    return found[0] if all(one == found[0] for one in found) else Any


def _drawing(name: str) -> Drawing:
    drawing = drawing_now()
    if drawing is None:
        _refuse(f"{name}(...) belongs in a flow body: it draws which tasks run")
    return drawing


def _refuse(message: str) -> NoReturn:
    place = user_place()
    raise GraphError(message, place.file, place.line)


_BRANCH = TaskSpec(
    name="branch",
    kind="branch",
    fn=_choose,
    is_async=False,
    hints={"return": list[Any]},
    where="",
)
branch = Branch()
first_of = FirstOfCall()
