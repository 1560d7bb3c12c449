"""Lists that come page by page: iterated, they fetch the next page when it is needed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from triphammer.service.client.calls import (
    Awaiting,
    Blocking,
    Call,
    Given,
    described,
    without_self,
)

P = ParamSpec("P")
PageT = TypeVar("PageT")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Given[PageT], Generic[PageT, Item]):
    """What asks for a page of rows; `by` is the parameter that takes the page's `next`, `under`
    is what the page calls its rows."""

    by: str = "cursor"
    under: str = "items"


class Pages(Generic[PageT, Item]):
    """The rows of a list, all of them when iterated; `page()` is the first page as it comes."""

    def __init__(self, client: Blocking, call: Call[PageT], rows: Rows[PageT, Item]) -> None:
        self._client = client
        self._call = call
        self._rows = rows

    def page(self) -> PageT:
        """The first page, whole: `items`, and `next`, which asks for the page after it."""
        return self._client.perform(self._call)

    def pages(self) -> Generator[PageT, None, None]:
        """Page after page."""
        call: Call[PageT] | None = self._call
        while call is not None:
            page = self._client.perform(call)
            yield page
            call = following(call, page, self._rows.by)

    def __iter__(self) -> Generator[Item, None, None]:
        for page in self.pages():
            yield from rows_of(page, self._rows.under)


class AsyncPages(Generic[PageT, Item]):
    """The rows of a list, all of them by `async for`; `await page()` is the first page."""

    def __init__(self, client: Awaiting, call: Call[PageT], rows: Rows[PageT, Item]) -> None:
        self._client = client
        self._call = call
        self._rows = rows

    async def page(self) -> PageT:
        """The first page, whole: `items`, and `next`, which asks for the page after it."""
        return await self._client.perform(self._call)

    async def pages(self) -> AsyncGenerator[PageT, None]:
        """Page after page."""
        call: Call[PageT] | None = self._call
        while call is not None:
            page = await self._client.perform(call)
            yield page
            call = following(call, page, self._rows.by)

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        async for page in self.pages():
            for item in rows_of(page, self._rows.under):
                yield item


class Listing(Generic[P, PageT, Item]):
    """One route that answers pages. Called itself it gives the call of a page, unsent."""

    method = "GET"

    def __init__(
        self, template: str, make: Callable[Concatenate[Any, P], Rows[PageT, Item]]
    ) -> None:
        self.template = template
        self.__doc__ = make.__doc__
        self.__name__ = make.__name__
        self.__signature__ = without_self(make)
        self._make = make

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[PageT]:
        return Call("GET", self.template, self._make(None, *args, **kwargs))

    @overload
    def __get__(self, client: None, owner: type) -> Listing[P, PageT, Item]: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, Pages[PageT, Item]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: type) -> Callable[P, AsyncPages[PageT, Item]]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        if client is None:
            return self

        @wraps(self._make)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            rows = self._make(None, *args, **kwargs)
            call = Call("GET", self.template, rows)
            kind: Any = Pages if isinstance(client, Blocking) else AsyncPages
            return kind(client, call, rows)

        return described(bound, self.__signature__)


def listing(
    template: str,
) -> Callable[[Callable[Concatenate[Any, P], Rows[PageT, Item]]], Listing[P, PageT, Item]]:
    """Makes a method that says what it asks for into the list of one route."""

    def made(make: Callable[Concatenate[Any, P], Rows[PageT, Item]]) -> Listing[P, PageT, Item]:
        return Listing(template, make)

    return made


def following(call: Call[PageT], page: Any, by: str) -> Call[PageT] | None:
    """The call of the page after `page`; None: that was the last."""
    return None if page["next"] is None else call.with_query(**{by: page["next"]})


def rows_of(page: Any, under: str) -> Any:
    """The rows of a page, of whatever kind."""
    return page[under]
