"""What tasks share and somebody must close: `@resource` and `use`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, NoReturn, TypeVar, cast, overload

from triphammer.flows.errors import GraphError, NotInTask
from triphammer.flows.places import user_place

T = TypeVar("T")
_EMPTY = inspect.Parameter.empty


class Resource(Generic[T]):
    """What `@resource` makes of a generator function: it yields once, what tasks are given.

    `uses` are the resources that it is made of, by parameter.
    """

    def __init__(self, fn: Callable[..., Any], uses: Mapping[str, Resource[Any]]) -> None:
        self.fn = fn
        self.name = fn.__name__
        self.is_async = inspect.isasyncgenfunction(fn)
        self.uses = uses
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn

    def all_used(self) -> Iterator[Resource[Any]]:
        """This resource, and all that it is made of."""
        yield self
        for other in self.uses.values():
            yield from other.all_used()

    def __call__(self) -> NoReturn:
        """Raises `GraphError`: tasks are given what it yields."""
        _refuse(f"{self.name} is a resource: a task takes it as a default, x=use({self.name})")

    def __repr__(self) -> str:
        return f"<resource {self.name}>"


class Use:
    """The default of a parameter that is given a resource."""

    def __init__(self, resource: Resource[Any]) -> None:
        self.resource = resource

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = self.resource.name
        raise NotInTask(f"{known} is opened for running tasks only: give {known} to .fn(...)")

    def __repr__(self) -> str:
        return f"use({self.resource.name})"


@overload
def resource(fn: Callable[..., AsyncIterator[T]], /) -> Resource[T]: ...


@overload
def resource(fn: Callable[..., Iterator[T]], /) -> Resource[T]: ...


def resource(fn: Callable[..., Any], /) -> Any:
    """Make a resource of a generator function, async or plain, that yields it once.

    What stands before the `yield` opens it, what stands behind closes it:
    `async with create_pool(...) as p: yield p`. A task takes it as `pg=use(pg)`. Opened at the
    first use, once in each event loop and each worker; closed at the drain or reload, where it
    was opened. Its own parameters may be other resources only. Raises `GraphError`.
    """
    if not (inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn)):
        name = getattr(fn, "__name__", repr(fn))
        _refuse(f"{name} must yield what it opens: @resource stands above a generator function")
    uses = uses_of(fn)
    for parameter in inspect.signature(fn).parameters.values():
        if parameter.default is _EMPTY:
            _refuse(f"{fn.__name__}: a resource takes only others, {parameter.name}=use(...)")
    check_plain(fn.__name__, inspect.isasyncgenfunction(fn), uses.values())
    made: Resource[Any] = Resource(fn, uses)
    return made


def use(resource: Resource[T]) -> T:
    """The default of a task's parameter that is to be given `resource`: `pg=use(pg)`.

    Raises `GraphError` for what `@resource` has not made.
    """
    if not isinstance(resource, Resource):  # pyright: ignore[reportUnnecessaryIsInstance] - user's
        _refuse(f"use() got {resource!r}: it takes what @resource has made")
    return cast("T", Use(resource))


def uses_of(fn: Callable[..., Any]) -> dict[str, Resource[Any]]:
    """The resources that parameters of `fn` are given, by name."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:  # some functions in C do not tell
        return {}
    return {p.name: p.default.resource for p in parameters if isinstance(p.default, Use)}


def check_plain(name: str, is_async: bool, uses: Iterable[Resource[Any]]) -> None:
    """Raise `GraphError` for a plain function that takes what lives on an event loop."""
    wrong = next((one.name for one in uses if one.is_async and not is_async), None)
    if wrong is not None:
        _refuse(
            f"{name} is a plain function and {wrong} lives on an event loop: make {name} async, "
            f"or {wrong} a plain generator"
        )


def _refuse(message: str) -> NoReturn:
    place = user_place()
    raise GraphError(message, place.file, place.line)
