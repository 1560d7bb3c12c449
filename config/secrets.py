"""Secrets and connections: found by name, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from triphammer.config.effective import looks_secret
from triphammer.config.errors import MissingSecretError
from triphammer.config.loading import SECRETS_PREFIX, LoadedSettings

SHORTEST_MASKED = 4
"""A shorter value would blank out innocent text."""
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

    `mask` hides every value that is known from the start or was ever handed out.
    """

    def __init__(
        self,
        *,
        values: Mapping[str, str] | None = None,
        folder: Path | None = None,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._values = dict(values or {})
        self._folder = folder
        self._connections = connections or {}
        self._hidden: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._hide(self._values.values())
        self._hide(
            str(value)
            for table in self._connections.values()
            for key, value in table.items()
            if looks_secret(key) and not str(value).startswith(REFERENCE)
        )

    @classmethod
    def of(cls, loaded: LoadedSettings) -> Secrets:
        """The secrets of a project. Variables keep the case of their names."""
        settings = loaded.settings
        values = {
            name.removeprefix(SECRETS_PREFIX): value
            for name, value in loaded.environ.items()
            if name.startswith(SECRETS_PREFIX) and name != SECRETS_PREFIX + "DIR"
        }
        folder = settings.secrets.dir
        secrets = cls(
            values=values,
            folder=None if folder is None else loaded.root / folder,
            connections=settings.connections,
        )
        kafka = (settings.kafka.sasl_password, settings.kafka.ssl_password)
        secrets._hide(v.get_secret_value() for v in kafka if isinstance(v, SecretStr))
        return secrets

    def value(self, name: str) -> str:
        """The secret's value. Raises `MissingSecretError` naming where it was looked for."""
        found = self._find(name)
        if found is None:
            place = f" or the file {self._folder / name}" if self._folder else ""
            raise MissingSecretError(
                f"secret {name!r} has no value: set {SECRETS_PREFIX}{name}{place}"
            )
        return found

    def connection(self, name: str) -> Mapping[str, Any]:
        """The connection's fields, `secret:NAME` texts replaced by their values.

        Raises `MissingSecretError` for an unknown connection or secret.
        """
        table = self._connections.get(name)
        if table is None:
            known = ", ".join(sorted(self._connections)) or "none"
            raise MissingSecretError(
                f"connection {name!r} is not defined: add [connections.{name}] (there are: {known})"
            )
        return {key: self._resolved(value) for key, value in table.items()}

    def mask(self, text: str) -> str:
        """`text` with every known value replaced by `***`."""
        if self._pattern is None:
            return text
        return self._pattern.sub("***", text)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no source provides."""
        return [name for name in names if self._find(name) is None]

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(REFERENCE):
            return self.value(value.removeprefix(REFERENCE))
        return value

    def _find(self, name: str) -> str | None:
        if name in self._values:
            return self._values[name]
        if self._folder is None or not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
            return None
        try:
            value = (self._folder / name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return None
        self._hide([value])
        return value

    def _hide(self, values: Iterable[str]) -> None:
        new = {v for v in values if len(v) >= SHORTEST_MASKED} - self._hidden
        if new:
            self._hidden |= new
            # The longest first: a secret that contains another is hidden whole.
            ordered = sorted(self._hidden, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, ordered)))
