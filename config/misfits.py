"""What is said about settings that do not fit: the key, its place, the cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import pydantic
from pydantic import BaseModel, SecretStr

from triphammer.config.layers import Key
from triphammer.config.settings import Settings
from triphammer.config.showing import short, shown

MOST = 20


def misfits_text(error: pydantic.ValidationError, places: Mapping[Key, str]) -> str:
    """One line for each misfit, for the first ones where there are many."""
    found = error.errors()
    lines = [_text(item, places) for item in found[:MOST]]
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    return "\n".join(lines + more)


def _text(item: Any, places: Mapping[Key, str]) -> str:
    key: Key = tuple(str(part) for part in item["loc"])
    place = _place(key, places)
    dotted = short(".".join(key))
    if item["type"] == "extra_forbidden":
        what = "section" if len(key) == 1 and isinstance(item["input"], dict) else "key"
        return f"{place}there is no {what} {dotted}{_cure(key)}"
    if _is_table(key):
        return f"{place}{dotted} is a table of keys, not a value; write [{dotted}]"
    given = "" if is_secret(key) else f" = {shown(item['input'])}"
    return f"{place}{dotted}{given}: {_reason(item)}"


def _place(key: Key, places: Mapping[Key, str]) -> str:
    """The place of the key, of a table that it is in, or of something in the table it names."""
    above = [places[key[:n]] for n in range(len(key), 0, -1) if key[:n] in places]
    below = [place for at, place in places.items() if at[: len(key)] == key]
    found = above + below
    return f"{found[0]}: " if found else ""


def is_secret(key: Key) -> bool:
    """Whether the tree declares `key` as a secret."""
    model: Any = Settings
    for name in key[:-1]:
        model = _section(model, name)
    field = getattr(model, "model_fields", {}).get(key[-1])
    return field is not None and SecretStr in getattr(field.annotation, "__args__", ())


def _reason(item: Any) -> str:
    cause = item.get("ctx", {}).get("error")
    return str(cause) if cause is not None else str(item["msg"])


def _is_table(key: Key) -> bool:
    return len(key) == 1 or key[0] in ("connections", "sensors")


def _cure(key: Key) -> str:
    model: Any = Settings
    for name in key[:-1]:
        model = _section(model, name)
    names: list[str] = sorted(model.model_fields)
    near = get_close_matches(key[-1], names, 1)
    elsewhere = [".".join(full) for full in _keys() if full[-1] == key[-1]]
    if near or elsewhere:
        meant = ".".join((*key[:-1], near[0])) if near else elsewhere[0]
        return f"; did you mean {meant}?"
    return f"; there are {', '.join(names)}"


def _section(model: Any, name: str) -> Any:
    return model.model_fields[name].annotation


def _keys() -> Iterator[Key]:
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from ((section, name) for name in model.model_fields)
