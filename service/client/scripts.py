"""What takes several requests, or the live stream, told once as steps for both kinds of client.

A script is a generator: it yields what it wants done, and is sent what came of it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from inspect import Signature
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from triphammer.service.client.calls import (
    Awaiting,
    Blocking,
    Call,
    described,
    without_self,
)
from triphammer.service.client.errors import Unreachable

P = ParamSpec("P")
T = TypeVar("T")
Lost = Callable[[Unreachable, float], object]


@dataclass(frozen=True, slots=True)
class Ask:
    """Perform a call; its answer is sent back."""

    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for the next news of the stream, which are sent back. The first of them says that it
    is open ("opened"): what is asked for after that cannot be out of date without further news.
    `lost` is told of each break, and after how many seconds the stream is opened again."""

    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    after: str = ""
    lost: Lost | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Tell(Generic[T]):
    """Give a value to who iterates."""

    value: T


Script = Generator[Ask | Listen | Pause | Tell[T], Any, None]


class Scripted(Generic[P, T]):
    """A method that gives several values, as a script finds them. `template`: of the route whose
    answers it gives, if any."""

    method = "GET"

    def __init__(
        self, make: Callable[Concatenate[Any, P], Script[T]], template: str | None = None
    ) -> None:
        self.template = template
        self.__doc__ = make.__doc__
        self.__name__ = make.__name__
        self.__signature__: Signature = without_self(make)
        self._make = make

    @overload
    def __get__(self, client: None, owner: type) -> Scripted[P, T]: ...
    @overload
    def __get__(
        self, client: BlockingPlayer, owner: type
    ) -> Callable[P, Generator[T, None, None]]: ...
    @overload
    def __get__(
        self, client: AwaitingPlayer, owner: type
    ) -> Callable[P, AsyncGenerator[T, None]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self

        @wraps(self._make)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.play(self._make(None, *args, **kwargs))

        return described(bound, self.__signature__)


def script(
    template: str,
) -> Callable[[Callable[Concatenate[Any, P], Script[T]]], Scripted[P, T]]:
    """Makes a script into the method that asks a route as no other does."""

    def made(make: Callable[Concatenate[Any, P], Script[T]]) -> Scripted[P, T]:
        return Scripted(make, template)

    return made


class Ending(Generic[P, T]):
    """A method that gives the one value that a script finds."""

    def __init__(self, make: Callable[Concatenate[Any, P], Script[T]]) -> None:
        self.__doc__ = make.__doc__
        self.__name__ = make.__name__
        self.__signature__: Signature = without_self(make)
        self._make = make

    @overload
    def __get__(self, client: None, owner: type) -> Ending[P, T]: ...
    @overload
    def __get__(self, client: BlockingPlayer, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, client: AwaitingPlayer, owner: type
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self

        @wraps(self._make)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.play_to_end(self._make(None, *args, **kwargs))

        return described(bound, self.__signature__)


class BlockingPlayer(Blocking):
    """Does what scripts want done, and waits for it."""

    @abstractmethod
    def pieces(self, call: Call[bytes]) -> Generator[bytes, None, None]:
        """A large answer piece by piece."""

    @abstractmethod
    def play(self, script: Script[T]) -> Generator[T, None, None]:
        """What the script tells, as it tells it."""

    @abstractmethod
    def play_to_end(self, script: Script[T]) -> T:
        """The first that the script tells."""


class AwaitingPlayer(Awaiting):
    """Does what scripts want done, awaited."""

    @abstractmethod
    def pieces(self, call: Call[bytes]) -> AsyncGenerator[bytes, None]:
        """A large answer piece by piece."""

    @abstractmethod
    def play(self, script: Script[T]) -> AsyncGenerator[T, None]:
        """What the script tells, as it tells it."""

    @abstractmethod
    async def play_to_end(self, script: Script[T]) -> T:
        """The first that the script tells."""
