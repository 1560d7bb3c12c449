"""The layers of the settings - file, environment, flags - each with the places of its keys."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from triphammer.config.errors import SettingsError
from triphammer.config.nesting import deeper_than
from triphammer.config.settings import Settings
from triphammer.config.showing import short, shown
from triphammer.config.toml_lines import key_lines

PREFIX = "TRIPHAMMER_"
SECRETS_PREFIX = "TRIPHAMMER_SECRETS__"
SEPARATOR = "__"
FLAGS: Mapping[str, str] = {"flows.dir": "flows", "store.data": "data"}
"""Flags that are not called like the last part of their key."""

DEEPEST = 50
"""Settings are walked recursively."""

Key = tuple[str, ...]
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """Values as nested tables, and where each key and table of them stands."""

    values: Table
    places: Mapping[Key, str]

    def leaves(self) -> Iterator[Key]:
        """Every key that has a value."""
        return (key for key, value in walk(self.values) if not isinstance(value, dict))


class _Environment(BaseSettings, Settings):  # pyright: ignore[reportIncompatibleVariableOverride] - both declare a model_config, ours holds
    """The tree as pydantic-settings reads it from variables."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=SEPARATOR, extra="forbid", frozen=True
    )


def walk(values: Table, above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every key and table of nested tables, a table before what is in it."""
    for name, value in values.items():
        key = (*above, name)
        yield key, value
        if isinstance(value, dict):
            yield from walk(cast("dict[str, Any]", value), key)


def from_file(file: Path | None) -> Layer:
    """The settings in `file`. Raises `SettingsError` when it cannot be read or is no TOML."""
    if file is None:
        return Layer({}, {})
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is no TOML: {short(str(error))}") from None
    except RecursionError:
        raise _too_deep(file) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    except ValueError as error:  # a whole number of more digits than Python reads
        raise SettingsError(f"{file} is no TOML: {error}") from None
    if deeper_than(DEEPEST, values):
        raise _too_deep(file)
    lines = key_lines(text)
    return Layer(values, {key: _line(file, key, lines) for key, _ in walk(values)})


def _too_deep(where: object) -> SettingsError:
    return SettingsError(f"{where} nests more than {DEEPEST} tables and lists")


def _line(file: Path, key: Key, lines: Mapping[Key, int]) -> str:
    """A key within an inline table stands where the table does."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return f"{file}:{lines[key[:length]]}"
    return str(file)


def from_environ(environ: Mapping[str, str]) -> Layer:
    """The settings in variables; empty ones count as not set, as compose files write them.

    Variables of our prefix that have no `__` are not ours to judge: Kubernetes sets some for
    every service (`TRIPHAMMER_PORT=tcp://...`).
    """
    values: dict[str, Any] = {}
    places: dict[Key, str] = {}
    for name, value in sorted(environ.items()):
        if value and _is_setting(name, value):
            merge(values, _variable(name, value))
            places[_key(name)] = f"variable {short(name)}"
    return Layer(values, places)


def _is_setting(name: str, value: str) -> bool:
    if not name.upper().startswith(PREFIX) or name.upper().startswith(SECRETS_PREFIX):
        return False
    if SEPARATOR in name:
        if not (_is_text(name) and _is_text(value)):
            raise SettingsError(f"variable {short(name)} is not UTF-8")
        return True
    meant = _misspelt(name.lower().removeprefix(PREFIX.lower()))
    if meant and not value.startswith("tcp://"):
        raise SettingsError(f"variable {short(name)} is not read; did you mean {meant}?")
    return False


def _is_text(text: str) -> bool:
    """False for bytes that are no UTF-8, which come as lone surrogates."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _misspelt(rest: str) -> str | None:
    """The variable that was meant when one `_` was written where two belong."""
    if rest in Settings.model_fields:
        return f"{PREFIX}{rest}{SEPARATOR}KEY".upper()
    section, _, key = rest.partition("_")
    field = Settings.model_fields.get(section)
    if field is None or key not in getattr(field.annotation, "model_fields", ()):
        return None
    return f"{PREFIX}{section}{SEPARATOR}{key}".upper()


def _key(name: str) -> Key:
    return tuple(name.lower().removeprefix(PREFIX.lower()).split(SEPARATOR))


def _variable(name: str, value: str) -> dict[str, Any]:
    key = _key(name)
    if len(key) > DEEPEST:
        raise _too_deep(f"variable {short(name)}")
    if key[0] not in Settings.model_fields or not all(key):
        return _table(key, value)  # refused, like an unknown key of a file
    source = EnvSettingsSource(_Environment)
    source.env_vars = {name.lower(): value}
    try:
        found = source()
        json.dumps(found, ensure_ascii=False).encode()  # JSON can escape what is no text
    except (ValueError, RecursionError):
        raise SettingsError(
            f"variable {short(name)}: {shown(value)} is no list; write it as JSON, such as"
            " '[\"lib\"]'"
        ) from None
    if deeper_than(DEEPEST, found):
        raise _too_deep(f"variable {short(name)}")
    return found


def from_flags(flags: Mapping[str, Any]) -> Layer:
    """The settings among the flags of the command line, which come by dotted key."""
    values: dict[str, Any] = {}
    places: dict[Key, str] = {}
    for dotted, value in flags.items():
        key = tuple(dotted.split("."))
        merge(values, _table(key, value))
        places[key] = f"flag --{FLAGS.get(dotted, key[-1]).replace('_', '-')}"
    return Layer(values, places)


def _table(key: Key, value: Any) -> dict[str, Any]:
    for name in reversed(key[1:]):
        value = {name: value}
    return {key[0]: value}


def merge(into: dict[str, Any], values: Table) -> None:
    """Put `values` over `into`, table by table."""
    for key, value in values.items():
        known = into.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            merge(cast("dict[str, Any]", known), cast("dict[str, Any]", value))
        else:
            into[key] = value
