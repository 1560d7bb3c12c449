"""Where the effective settings come from: defaults < file < environment < flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import pydantic
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from triphammer.config.errors import SettingsError
from triphammer.config.settings import Settings
from triphammer.config.toml_lines import key_lines

FILE = "triphammer.toml"
PREFIX = "TRIPHAMMER_"
SECRETS_PREFIX = "TRIPHAMMER_SECRETS__"
NOT_SETTINGS = (SECRETS_PREFIX, "TRIPHAMMER_URL", "TRIPHAMMER_TEST_", "TRIPHAMMER_CACHE")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The effective settings, the project root, and where each key that was set came from."""

    settings: Settings
    root: Path
    origins: Mapping[Key, str]
    environ: Mapping[str, str]

    def origin(self, key: Key) -> str:
        """Where the value of `key` came from: flag, variable, file and line, or default."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.origins:
                return self.origins[key[:length]]
        return "default"


class _Environment(BaseSettings, Settings):  # pyright: ignore[reportIncompatibleVariableOverride] - BaseSettings has more keys
    """The tree as pydantic-settings reads it from variables."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )


def load_settings(
    start: Path,
    *,
    config: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """The effective settings for the working directory `start`.

    `flags` are by dotted key. Raises `SettingsError`, which names key, place and cure, for an
    unknown key, a wrong value, a file that cannot be read or that is no TOML.
    """
    environ = os.environ if environ is None else environ
    file = _file(start, config)
    root = start.resolve() if file is None else file.parent
    merged: dict[str, Any] = {}
    origins: dict[Key, str] = {}
    for values, places in (
        _from_file(file),
        _from_environ(environ),
        _from_flags(flags or {}),
    ):
        _merge(merged, values)
        origins.update(places)
    return LoadedSettings(_validated(merged, origins), root, origins, dict(environ))


def _file(start: Path, config: Path | None) -> Path | None:
    if config is not None:
        if not config.is_file():
            raise SettingsError(f"there is no settings file {config}")
        return config.resolve()
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return folder / FILE
    return None


def _from_file(file: Path | None) -> tuple[dict[str, Any], dict[Key, str]]:
    if file is None:
        return {}, {}
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    lines = key_lines(text)
    return values, {k: f"{file}:{lines.get(k, 1)}" for k in _leaves(values)}


def _from_environ(environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[Key, str]]:
    ours = {n: v for n, v in environ.items() if n.upper().startswith(PREFIX)}
    ours = {n: v for n, v in ours.items() if not n.upper().startswith(NOT_SETTINGS)}
    places = {_variable_key(name): f"variable {name}" for name in ours}
    for key, place in places.items():
        if key[0] not in Settings.model_fields:
            raise SettingsError(f"{place}: there is no section [{key[0]}]{_near(key[0], ())}")
    source = EnvSettingsSource(_Environment)
    source.env_vars = {name.lower(): value for name, value in ours.items()}
    try:
        return source(), places
    except ValueError as error:  # a section's whole table given as text that is no JSON
        raise SettingsError(f"{', '.join(sorted(ours))}: {error}") from None


def _variable_key(name: str) -> Key:
    return tuple(name.lower().removeprefix(PREFIX.lower()).split("__"))


def _from_flags(flags: Mapping[str, Any]) -> tuple[dict[str, Any], dict[Key, str]]:
    values: dict[str, Any] = {}
    for dotted, value in flags.items():
        *sections, last = dotted.split(".")
        table = values
        for section in sections:
            table = table.setdefault(section, {})
        table[last] = value
    places = {tuple(d.split(".")): f"flag --{d.rpartition('.')[2]}" for d in flags}
    return values, places


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        known = into.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge(cast("dict[str, Any]", known), cast("dict[str, Any]", value))
        else:
            into[key] = value


def _leaves(values: Mapping[str, Any], above: Key = ()) -> Iterator[Key]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(cast("dict[str, Any]", value), (*above, key))
        else:
            yield (*above, key)


def _validated(merged: Mapping[str, Any], origins: Mapping[Key, str]) -> Settings:
    try:
        return Settings.model_validate(merged)
    except pydantic.ValidationError as error:
        texts = [_text(item, origins) for item in error.errors()]
        raise SettingsError("; ".join(texts)) from None


def _text(item: Any, origins: Mapping[Key, str]) -> str:
    key: Key = tuple(str(part) for part in item["loc"])
    places = [origins[key[:n]] for n in range(len(key), 0, -1) if key[:n] in origins]
    place = f"{places[0]}: " if places else ""
    dotted = ".".join(key)
    if item["type"] == "extra_forbidden":
        return f"{place}there is no key {dotted}{_near(key[-1], key[:-1])}"
    return f"{place}{dotted} = {item['input']!r}: {_reason(item)}"


def _reason(item: Any) -> str:
    cause = item.get("ctx", {}).get("error")
    return str(cause) if cause is not None else str(item["msg"])


def _near(word: str, section: Key) -> str:
    known = _known(section)
    close = get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"


def _known(section: Key) -> list[str]:
    model: Any = Settings
    for name in section:
        model = model.model_fields[name].annotation
    return sorted(model.model_fields)
