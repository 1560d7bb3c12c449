"""Which errors are tried again: `retry_on=` and `never_retry=`, by the names of their types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from triphammer.flows.graph import Options


def tries_again(options: Options, kinds: Sequence[str]) -> bool:
    """Whether an error of these `kinds` may be tried again.

    Without kinds it is none of the task's own code - its worker died, say - which no list is
    about.
    """
    if not kinds:
        return True
    if _is_one(kinds, options.never_retry):
        return False
    return not options.retry_on or _is_one(kinds, options.retry_on)


def _is_one(kinds: Sequence[str], names: Iterable[str]) -> bool:
    return any(_is_called(kind, name) for name in names for kind in kinds)


def _is_called(kind: str, name: str) -> bool:
    """`httpx.TransportError` is `httpx._exceptions.TransportError` too, and `TimeoutError` the
    built-in one or any other of that name."""
    if kind == name:
        return True
    package, _, last = name.rpartition(".")
    module, _, type_name = kind.rpartition(".")
    return type_name == last and (not package or module.startswith(package + "."))
