"""One description of each call, for clients that block and for clients that are awaited.

A method of a topic (`runs.py`, `flows.py`, ...) only says what is sent: decorated with `route` it
becomes a descriptor that hands the call to the client it is read from. `Blocking` clients give
what is answered, `Awaiting` ones something to await; checkers know which.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from inspect import Signature, signature
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload
from urllib.parse import quote

P = ParamSpec("P")
T = TypeVar("T")

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Generic[T]):
    """What one call sends: `path` fills the route's template, what is None in `query` and
    `headers` is left out. `T` is what is answered.

    `patient`: however long it takes. `fine`: further statuses that are no problems. `pick`: the
    part of the answer that is meant.
    """

    path: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    json: Any = None
    content: bytes | None = None
    key: str | None = None
    patient: bool = False
    fine: tuple[int, ...] = ()
    pick: Callable[[Any], T] | None = None


Reads = Literal["json", "text", "bytes"]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request to one route. `repeatable`: sent again where the connection was lost, though the
    daemon may have taken it."""

    method: Method
    template: str
    given: Given[T]
    reads: Reads = "json"
    repeatable: bool = True

    @property
    def path(self) -> str:
        """The path, every part of it quoted: dots too, as `..` would lead elsewhere."""
        parts = {
            name: quote(part, safe="").replace(".", "%2E") for name, part in self.given.path.items()
        }
        return self.template.format_map(parts)

    @property
    def query(self) -> dict[str, Any]:
        """The parameters that are given."""
        return {name: value for name, value in self.given.query.items() if value is not None}

    def with_query(self, **more: Any) -> Call[T]:
        """The same with other parameters."""
        return replace(self, given=replace(self.given, query={**self.given.query, **more}))


class Blocking(ABC):
    """A client that waits for answers."""

    @abstractmethod
    def perform(self, call: Call[T]) -> T:
        """What the daemon answers. Raises `Refused`, `Unreachable`."""


class Awaiting(ABC):
    """A client whose answers are awaited."""

    @abstractmethod
    async def perform(self, call: Call[T]) -> T:
        """What the daemon answers. Raises `Refused`, `Unreachable`."""


class Operation(Generic[P, T]):
    """One route. Called itself it gives the call, unsent."""

    def __init__(
        self,
        method: Method,
        template: str,
        make: Callable[Concatenate[Any, P], Given[T]],
        *,
        reads: Reads,
        repeatable: bool,
    ) -> None:
        self.method: Method = method
        self.template = template
        self.__doc__ = make.__doc__
        self.__name__ = make.__name__
        self.__signature__ = without_self(make)
        self._make = make
        self._reads: Reads = reads
        self._repeatable = repeatable

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[T]:
        given = self._make(None, *args, **kwargs)
        return Call(self.method, self.template, given, self._reads, self._repeatable)

    @overload
    def __get__(self, client: None, owner: type) -> Operation[P, T]: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self

        @wraps(self._make)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.perform(self(*args, **kwargs))

        return described(bound, self.__signature__)


def route(
    method: Method, template: str, *, reads: Reads = "json", repeatable: bool = True
) -> Callable[[Callable[Concatenate[Any, P], Given[T]]], Operation[P, T]]:
    """Makes a method that says what it sends into the call of one route."""

    def made(make: Callable[Concatenate[Any, P], Given[T]]) -> Operation[P, T]:
        return Operation(method, template, make, reads=reads, repeatable=repeatable)

    return made


def without_self(method: Callable[..., Any]) -> Signature:
    """The signature of a method as it is called on an object."""
    whole = signature(method)
    return whole.replace(parameters=list(whole.parameters.values())[1:])


def described(function: Any, signature: Signature) -> Any:
    """`function`, which tells readers that it is called like this."""
    function.__signature__ = signature
    return function
