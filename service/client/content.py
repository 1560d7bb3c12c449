"""Large answers, piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, overload

from triphammer.service.client.calls import Call, Given, described, without_self
from triphammer.service.client.scripts import AwaitingPlayer, BlockingPlayer

P = ParamSpec("P")


class Content(Generic[P]):
    """One route that answers what may be large. Called itself it gives the call, unsent."""

    method = "GET"

    def __init__(self, template: str, make: Callable[Concatenate[Any, P], Given[bytes]]) -> None:
        self.template = template
        self.__doc__ = make.__doc__
        self.__name__ = make.__name__
        self.__signature__ = without_self(make)
        self._make = make

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[bytes]:
        return Call("GET", self.template, self._make(None, *args, **kwargs), "bytes")

    @overload
    def __get__(self, client: None, owner: type) -> Content[P]: ...
    @overload
    def __get__(
        self, client: BlockingPlayer, owner: type
    ) -> Callable[P, Generator[bytes, None, None]]: ...
    @overload
    def __get__(
        self, client: AwaitingPlayer, owner: type
    ) -> Callable[P, AsyncGenerator[bytes, None]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self

        @wraps(self._make)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.pieces(self(*args, **kwargs))

        return described(bound, self.__signature__)


def content(
    template: str,
) -> Callable[[Callable[Concatenate[Any, P], Given[bytes]]], Content[P]]:
    """Makes a method that says what it asks for into the content that one route answers."""

    def made(make: Callable[Concatenate[Any, P], Given[bytes]]) -> Content[P]:
        return Content(template, make)

    return made
