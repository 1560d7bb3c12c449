"""Where the effective settings come from: defaults < file < environment < flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pydantic

from triphammer.config.errors import SettingsError
from triphammer.config.layers import (
    SECRETS_PREFIX,
    Key,
    from_environ,
    from_file,
    from_flags,
    merge,
)
from triphammer.config.misfits import misfits_text
from triphammer.config.root import settings_file
from triphammer.config.settings import Settings

TLS_FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
"""Keys of connections that name files: libraries would look below the working directory."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The effective settings, the project root, and where each key that was set came from.

    `secrets` are the values of the variables `TRIPHAMMER_SECRETS__NAME`, by name.
    """

    settings: Settings
    root: Path
    origins: Mapping[Key, str]
    secrets: Mapping[str, str]

    def origin(self, key: Key) -> str:
        """Where the value of `key` came from: flag, variable, file and line, or default."""
        return self.origins.get(key, "default")


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
    places: dict[Key, str] = {}
    for layer in (from_file(file), from_environ(environ), from_flags(flags or {})):
        merge(merged, layer.values)
        places |= layer.places
        origins |= {key: layer.places[key] for key in layer.leaves() if key in layer.places}
    _place_files(merged, root)
    return LoadedSettings(_validated(merged, places), root, origins, _secrets(environ))


def _file(start: Path, config: Path | None) -> Path | None:
    if config is not None:
        if not config.is_file():
            raise SettingsError(f"there is no settings file {config}")
        return config.resolve()
    return settings_file(start)


def _place_files(merged: Mapping[str, Any], root: Path) -> None:
    """Make the relative file names of connections absolute, below the project root."""
    for table in (_table(merged.get("kafka")), *_table(merged.get("connections")).values()):
        keys = _table(table)
        given = {name: keys[name] for name in TLS_FILES if isinstance(keys.get(name), str)}
        keys.update((name, str(root / text)) for name, text in given.items())


def _table(value: Any) -> dict[str, Any]:
    """`value` if it is a table; what is none is the validation's to refuse."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _validated(merged: Mapping[str, Any], places: Mapping[Key, str]) -> Settings:
    try:
        return Settings.model_validate(merged)
    except pydantic.ValidationError as error:
        raise SettingsError(misfits_text(error, places)) from None


def _secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Names keep their case. An empty value, as compose files write them, is no secret."""
    return {
        name.removeprefix(SECRETS_PREFIX): value
        for name, value in environ.items()
        if value and name.startswith(SECRETS_PREFIX)
    }
