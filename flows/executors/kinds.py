"""What an error is, by the names of its types: these travel between processes."""

from __future__ import annotations


def kinds_of(error: type[BaseException]) -> tuple[str, ...]:
    """The names of an error's type and of those that it derives from."""
    return tuple(
        f"{one.__module__}.{one.__qualname__}"
        for one in error.__mro__
        if issubclass(one, BaseException)
    )
