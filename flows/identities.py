"""Names that stay the same however often an attempt is made."""

from __future__ import annotations

import hashlib


def key_of(run: str, task: str) -> str:
    """The idempotency key of a task or map item."""
    return hashlib.sha256(f"{run}/{task}".encode()).hexdigest()[:32]


def id_within(key: str, earlier: int, prefix: str, index: int) -> str:
    """The id of the `index`-th message or start of the task of this key.

    It is the same for every attempt: what a lost attempt sent is never sent twice. What an
    operator has run again after `earlier` attempts sends messages of its own.
    """
    text = f"{key}:{prefix}:{index}:{earlier}" if earlier else f"{key}:{prefix}:{index}"
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:32]}"
