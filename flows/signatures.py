"""What a function takes and returns, and whether a call fits it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast, get_type_hints

from triphammer.flows.errors import GraphError
from triphammer.flows.places import NOWHERE, Place
from triphammer.flows.references import suggest


def place_of(fn: Callable[..., Any]) -> Place:
    """Where `fn` is defined: the line of its first decorator or `def`."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return NOWHERE if code is None else Place(code.co_filename, code.co_firstlineno)


def hints_of(fn: Callable[..., Any]) -> dict[str, Any]:
    """The resolved annotations of `fn`. Raises `GraphError` for one that does not resolve."""
    try:
        return get_type_hints(fn, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        place = place_of(fn)
        message = f"an annotation of {fn.__name__}() does not resolve: {error}"
        raise GraphError(message, place.file, place.line) from error


def check_names(
    name: str, signature: inspect.Signature, given: Mapping[str, Any], place: Place
) -> None:
    """Raise `GraphError` at `place` for a name that is no parameter."""
    unknown = _unknown(signature, given)
    if unknown is not None:
        known = suggest(unknown, signature.parameters)
        raise GraphError(f"{name}() has no argument {unknown!r}{known}", place.file, place.line)


def check_call(
    name: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    place: Place,
    option_names: frozenset[str] = frozenset(),
) -> None:
    """Raise `GraphError` at `place` unless the call fits the signature."""
    unknown = _unknown(signature, kwargs)
    if unknown is not None and unknown in option_names:
        message = f"{unknown}= is an option: write {name}.options({unknown}=...)(...)"
        raise GraphError(message, place.file, place.line)
    check_names(name, signature, kwargs, place)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        message = f"{name}(): {error}; it is {name}{signature}"
        raise GraphError(message, place.file, place.line) from None


def _unknown(signature: inspect.Signature, kwargs: Mapping[str, Any]) -> str | None:
    parameters = signature.parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    by_name = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return next((name for name in kwargs if name not in by_name), None)


def misfit_of_row(
    fn: Callable[..., Any], row: Any, fixed: Mapping[str, Any], uses: Mapping[str, Any]
) -> str | None:
    """What is wrong with `row` as arguments by name beside the `fixed` ones; None: nothing."""
    if not isinstance(row, Mapping):
        return f"map_kwargs() takes mappings of arguments, got {type(row).__name__}"
    given = cast("Mapping[str, Any]", row)
    twice = sorted({*given} & {*fixed})
    if twice:
        return f"{', '.join(twice)} is fixed for all items already"
    try:
        inspect.signature(fn).bind(**{**dict.fromkeys(uses), **fixed, **given})
    except TypeError as error:
        return str(error)
    return None
