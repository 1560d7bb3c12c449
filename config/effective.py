"""The effective settings as people read them: key, value, origin; secrets masked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, SecretStr

from triphammer.config.durations import format_duration
from triphammer.config.layers import Key
from triphammer.config.loading import LoadedSettings
from triphammer.config.masking import MASK, looks_secret, without_url_passwords
from triphammer.config.secrets import REFERENCE
from triphammer.config.sizes import format_size

SIZES = frozenset({("limits", "body")})
"""Keys whose numbers are bytes."""


def effective(loaded: LoadedSettings) -> list[tuple[str, str, str]]:
    """Every key in the order of the tree, its value as text, and where it came from."""
    return [
        (".".join(key), _shown(key, value), loaded.origin(key))
        for key, value in _walk(loaded.settings, ())
    ]


def _walk(value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), (*key, name))
    elif isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _walk(item, (*key, name))
    else:
        yield key, value


def _shown(key: Key, value: Any) -> str:
    if key in SIZES:
        return format_size(value)
    if key[0] in ("connections", "sensors") and _is_open_secret(key[-1], value):
        return MASK
    return _text(value)


def _is_open_secret(name: str, value: Any) -> bool:
    return looks_secret(name) and not str(value).startswith(REFERENCE)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, (tuple, list)):
        return ", ".join(_text(item) for item in cast("list[Any]", value))
    if isinstance(value, bool):
        return str(value).lower()
    return without_url_passwords(str(value)) if isinstance(value, (str, Path)) else repr(value)
