"""Expressions: what stands in a drawn graph for a value that is not known yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from triphammer.flows.kinds import is_array, is_dict, is_mapping
from triphammer.flows.outcomes import Ended


class Scope(Protocol):
    """Where an expression finds its values when an attempt starts.

    `result` is a node's decoded result (None where a trigger rule let the task run past a
    skipped or failed upstream), `ended` how it has ended (None: not yet). `event` and `param`
    are the run's. `turn` is what this turn or item of a node was given, in its body.
    """

    @property
    def event(self) -> Any: ...
    def result(self, node: str) -> Any: ...
    def ended(self, node: str) -> Ended | None: ...
    def turn(self, node: str) -> tuple[Any, ...]: ...
    def param(self, name: str) -> Any: ...
    def secret(self, name: str) -> str: ...
    def connection(self, name: str) -> Any: ...


class Expr:
    """Base of handles, references, conditions, `text(...)`, secret and connection references."""

    __slots__ = ()
    turn_of: str | None = None
    """The node whose item or turn it stands for: only its body knows that."""

    def evaluate(self, scope: Scope) -> Any:
        """The value in `scope`; LookupError or TypeError where a reference leads nowhere."""
        raise NotImplementedError

    def parts(self) -> Iterator[Any]:
        """The templates that this expression is made of."""
        return iter(())

    def upstream(self) -> Iterator[str]:
        """Names of the nodes whose results this expression needs."""
        for part in self.parts():
            yield from needs(part)


def resolve(template: Any, scope: Scope) -> Any:
    """`template` with every expression inside lists, tuples and dicts evaluated."""
    if isinstance(template, Expr):
        return template.evaluate(scope)
    if is_array(template):
        values = [resolve(item, scope) for item in template]
        return values if isinstance(template, list) else tuple(values)
    if is_dict(template):
        return {key: resolve(value, scope) for key, value in template.items()}
    return template


def missing(template: Any, scope: Scope) -> bool:
    """Whether `template` needs the result of a node that has not succeeded: then it is None."""
    found = (scope.ended(node) for node in needs(template))
    return any(one is not None and one.state != "succeeded" for one in found)


def needs(template: Any) -> Iterator[str]:
    """Names of the nodes whose results `template` needs."""
    if isinstance(template, Expr):
        yield from template.upstream()
    elif is_mapping(template):
        for value in template.values():
            yield from needs(value)
    elif is_array(template):
        for value in template:
            yield from needs(value)


def expressions(template: Any) -> Iterator[Expr]:
    """Every expression in `template`, those inside other expressions included."""
    if isinstance(template, Expr):
        yield template
        for part in template.parts():
            yield from expressions(part)
    elif is_mapping(template):
        for value in template.values():
            yield from expressions(value)
    elif is_array(template):
        for value in template:
            yield from expressions(value)
