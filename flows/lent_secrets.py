"""The secrets that code may look up which runs for tasks, but in none: what opens a resource."""

from __future__ import annotations

from contextvars import ContextVar

from triphammer.config.secrets import Secrets

_LENT: ContextVar[Secrets | None] = ContextVar("triphammer_lent_secrets", default=None)


def lend(secrets: Secrets | None) -> None:
    """Let code of this context look up `secrets`."""
    _LENT.set(secrets)


def lent_secrets() -> Secrets | None:
    """Those that this context was lent."""
    return _LENT.get()
