"""Secrets and connections: found by name, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr

from triphammer.config.errors import MissingSecretError
from triphammer.config.layers import SECRETS_PREFIX
from triphammer.config.loading import LoadedSettings
from triphammer.config.masking import Masker, secrets_in

REFERENCE = "secret:"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Names a secret; only the name is ever stored."""

    name: str


@dataclass(frozen=True, slots=True)
class ConnectionRef:
    """Names a connection."""

    name: str


class Secrets:
    """Values by name, from `TRIPHAMMER_SECRETS__NAME` first, then from files in a folder.

    `mask` hides every value that is known from the start or was ever handed out. Safe to use
    from any thread.
    """

    def __init__(
        self,
        *,
        values: Mapping[str, str] | None = None,
        folder: Path | None = None,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        hidden: Iterable[str] = (),
    ) -> None:
        self._values = dict(values or {})
        self._folder = folder
        self._connections = connections or {}
        self._masker = Masker()
        self._masker.hide([*self._values.values(), *hidden])
        self._masker.hide(v for v in secrets_in(self._connections) if not v.startswith(REFERENCE))

    @classmethod
    def of(cls, loaded: LoadedSettings) -> Secrets:
        """The secrets of a project."""
        settings = loaded.settings
        kafka = (settings.kafka.sasl_password, settings.kafka.ssl_password)
        folder = settings.secrets.dir
        return cls(
            values=loaded.secrets,
            folder=None if folder is None else loaded.root / folder,
            connections=settings.connections,
            hidden=[
                *(v.get_secret_value() for v in kafka if isinstance(v, SecretStr)),
                *secrets_in(settings.sensors),
            ],
        )

    def parts(self) -> dict[str, Any]:
        """What another process makes the same secrets of: `Secrets.of_parts`."""
        return {
            "values": self._values,
            "folder": None if self._folder is None else str(self._folder),
            "connections": self._connections,
            "hidden": self._masker.hidden,
        }

    def parts_named(self, texts: Sequence[str]) -> dict[str, Any]:
        """The same of those secrets and connections only whose names stand in `texts`.

        Their values are found here, since the folder of secrets may not be there.
        """
        names = [*self._values, *self._names_in_folder()]
        values = {n: self.value(n) for n in names if any(n in text for text in texts)}
        named = [n for n in self._connections if any(n in text for text in texts)]
        connections = {name: self.connection(name) for name in named}
        return {"values": values, "folder": None, "connections": connections, "hidden": ()}

    def _names_in_folder(self) -> list[str]:
        try:
            return [] if self._folder is None else [f.name for f in self._folder.iterdir()]
        except OSError:
            return []

    @classmethod
    def of_parts(cls, parts: Mapping[str, Any]) -> Secrets:
        """The secrets that `parts` came from."""
        folder = parts["folder"]
        return cls(
            values=parts["values"],
            folder=None if folder is None else Path(folder),
            connections=parts["connections"],
            hidden=parts["hidden"],
        )

    def value(self, name: str) -> str:
        """The secret's value. Raises `MissingSecretError` naming where it was looked for."""
        found = self._values[name] if name in self._values else self._in_folder(name)
        if found:
            return found
        # An empty one is never meant: it would sign and log in with nothing.
        wrong = "has no value" if found is None else "is empty"
        file = f" or write the file {self._folder / name}" if self._folder else ""
        raise MissingSecretError(
            f"secret {name!r} {wrong}: set the variable {SECRETS_PREFIX}{name}{file}"
        )

    def connection(self, name: str) -> Mapping[str, Any]:
        """The connection's fields, `secret:NAME` texts replaced by their values.

        Raises `MissingSecretError` for an unknown connection or secret.
        """
        table = self._connections.get(name)
        if table is None:
            known = ", ".join(sorted(self._connections)) or "none"
            raise MissingSecretError(
                f"connection {name!r} is not defined: add [connections.{name}] to triphammer.toml "
                f"(there are: {known})"
            )
        resolved: dict[str, Any] = self._resolved(table)
        return resolved

    def mask(self, text: str) -> str:
        """`text` with every known value replaced by `***`."""
        return self._masker.mask(text)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no source provides."""
        return [name for name in names if not self._has(name)]

    def _has(self, name: str) -> bool:
        try:
            return bool(self.value(name))
        except MissingSecretError:
            return False

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(REFERENCE):
            return self.value(value.removeprefix(REFERENCE))
        if isinstance(value, Mapping):
            table = cast("Mapping[str, Any]", value)
            return {key: self._resolved(item) for key, item in table.items()}
        if isinstance(value, list):
            return [self._resolved(item) for item in cast("list[object]", value)]
        return value

    def _in_folder(self, name: str) -> str | None:
        # A name comes from a flow file, yet it must not lead out of the folder.
        if self._folder is None or not re.fullmatch(r"(?!\.)[\w.-]+", name):
            return None
        try:
            value = (self._folder / name).read_text(encoding="utf-8").rstrip("\r\n")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise MissingSecretError(
                f"secret {name!r}: the file {self._folder / name} cannot be read: {error}"
            ) from None
        self._masker.hide([value])
        return value
