"""Secrets and connections: references while a flow is drawn, values in a running task."""

from __future__ import annotations

from typing import Any

from triphammer.config import secrets as config
from triphammer.flows.context import current_secrets
from triphammer.flows.drawing import drawing_now
from triphammer.flows.expr import Scope
from triphammer.flows.guards import Guarded


class SecretRef(config.SecretRef, Guarded):
    """Names a secret; its value is looked up at run time and never stored."""

    __slots__ = ()

    def evaluate(self, scope: Scope) -> str:
        return SecretText(scope.secret(self.name), self.name)

    __eq__ = config.SecretRef.__eq__
    __hash__ = config.SecretRef.__hash__

    def __repr__(self) -> str:
        return f"secret({self.name!r})"


class ConnectionRef(config.ConnectionRef, Guarded):
    """Names a connection; its fields are looked up at run time and never stored."""

    __slots__ = ()

    def evaluate(self, scope: Scope) -> Any:
        return scope.connection(self.name)

    __eq__ = config.ConnectionRef.__eq__
    __hash__ = config.ConnectionRef.__hash__

    def __repr__(self) -> str:
        return f"connection({self.name!r})"


class SecretText(str):
    """A secret's value that still knows its `name`, so that a URL is stored by reference."""

    name: str

    def __new__(cls, value: str, name: str) -> SecretText:
        text = super().__new__(cls, value)
        text.name = name
        return text

    def __reduce__(self) -> Any:
        return SecretText, (str(self), self.name)


def secret(name: str) -> Any:
    """The secret `name`: its value (a text) in a running task, elsewhere a reference to it.

    Raises `MissingSecretError` in a task when no source provides it.
    """
    secrets = current_secrets()
    if secrets is None or drawing_now() is not None:
        return SecretRef(name)
    return SecretText(secrets.value(name), name)


def connection(name: str) -> Any:
    """The connection `name`: its fields in a running task, elsewhere a reference to it.

    Raises `MissingSecretError` in a task when it is not defined.
    """
    secrets = current_secrets()
    if secrets is None or drawing_now() is not None:
        return ConnectionRef(name)
    return secrets.connection(name)
