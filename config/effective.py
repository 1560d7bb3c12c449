"""The effective settings as people read them: key, value, origin; secrets masked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, SecretStr

from triphammer.config.durations import format_duration
from triphammer.config.loading import LoadedSettings

MASK = "********"
SECRET_WORDS = ("password", "secret", "token", "key", "credential", "dsn")


def looks_secret(name: str) -> bool:
    """Whether a key of an open table is one whose value nobody should read."""
    return any(word in name.lower() for word in SECRET_WORDS)


def effective(loaded: LoadedSettings) -> list[tuple[str, str, str]]:
    """Every key in the order of the tree, its value as text, and where it came from."""
    rows = _walk(loaded.settings, ())
    return [(".".join(key), text, loaded.origin(key)) for key, text in rows]


def _walk(value: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), (*key, name))
    elif isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _walk(item, (*key, name))
    elif len(key) > 2 and value is not None and looks_secret(key[-1]) and key[0] in OPEN:
        yield key, MASK
    else:
        yield key, _shown(value)


OPEN = ("connections", "sensors")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, (tuple, list)):
        return ", ".join(_shown(item) for item in cast("list[Any]", value))
    return str(value) if isinstance(value, (str, Path)) else repr(value)
