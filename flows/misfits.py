"""Why a value cannot be stored as JSON without being changed, and what to do about it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from triphammer.flows.kinds import class_of, is_array, is_mapping

_SHOWN = 120


def shorten(value: Any) -> str:
    """The value's repr, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def fault(error: Exception) -> str:
    """What is wrong, in one line: pydantic's errors list several faults with addresses."""
    listing: Any = getattr(error, "errors", None)
    if not callable(listing):
        return str(error)
    faults: Any = listing(include_url=False)
    return "; ".join(f"{f['msg']}{_at(f['loc'])}" for f in faults)


def explain(value: Any, back: Any) -> str:
    """The first part of `value` that JSON would change, where it is, and the cure.

    `back` is what JSON gives back.
    """
    path, reason = _find(value, "") or ("", "")
    if path:
        return f"has at {path} {reason}"
    if reason and (type(value) is not type(back) or type(value) is dict):
        return f"is {reason}"
    return f"would come back from JSON as {shorten(back)}: annotate its parts exactly"


def _at(place: Sequence[Any]) -> str:
    return f" at {'.'.join(map(str, place))}" if place else ""


def _find(value: Any, path: str) -> tuple[str, str] | None:
    reason = _reason(value)
    if reason is not None:
        return path, reason
    if is_mapping(value):
        return _first((item, f"{path}[{key!r}]") for key, item in value.items())
    if is_array(value):
        return _first((item, f"{path}[{index}]") for index, item in enumerate(value))
    return None


def _first(parts: Any) -> tuple[str, str] | None:
    return next((found for item, path in parts if (found := _find(item, path))), None)


def _reason(value: Any) -> str | None:
    kind = class_of(value)
    if kind in (str, int, bool, type(None), list):
        return None
    if kind is dict:
        wrong = [key for key in value if type(key) is not str]
        return None if not wrong else _keys(wrong[0])
    if kind is float:
        return None if math.isfinite(value) else f"{value}, which JSON cannot hold: {_ANNOTATE}"
    if kind is tuple:
        return f"a tuple, which JSON gives back as a list: {_ANNOTATE} (tuple[...])"
    if kind in (set, frozenset):
        return f"a set, which JSON gives back as a list: {_ANNOTATE} (set[...])"
    if isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        return f"a {kind.__qualname__}, which JSON gives back as a dict: {_ANNOTATE}"
    return f"a {kind.__qualname__}, which JSON would give back changed: {_ANNOTATE}"


_ANNOTATE = "annotate what the task returns"


def _keys(key: Any) -> str:
    kind = type(key).__qualname__
    return (
        f"a dict with the key {key!r}, which JSON gives back as text: "
        f"{_ANNOTATE} (dict[{kind}, ...]), or use text keys"
    )
