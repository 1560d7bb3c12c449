"""The text of a token, and what is kept of it.

A token is `trip_` + its public number + `_` + 256 bits of chance. What is kept is its SHA-256: a
slow hash is for passwords, which people choose and which can be guessed; nobody can try out 2^256
values, and a slow hash would let anybody keep the service loop busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from triphammer.config.masking import TOKEN_PREFIX

_SHAPE = re.compile(rf"{TOKEN_PREFIX}([0-9a-f]{{16}})_[A-Za-z0-9_-]{{43}}", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
"""What a token may be named."""
LONGEST_SECONDS = 100 * 365 * 86_400
"""How long a token may live that expires at all."""
RESERVED = frozenset({"local", "nobody"})


def new_token() -> tuple[str, str]:
    """The id and the text of a new token."""
    number = secrets.token_hex(8)
    return f"tok_{number}", f"{TOKEN_PREFIX}{number}_{secrets.token_urlsafe(32)}"


def id_of(text: str) -> str | None:
    """The id in the text of a token; None when it cannot be one."""
    found = _SHAPE.fullmatch(text)
    return None if found is None else f"tok_{found[1]}"


def digest_of(text: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(text.encode()).digest()


def is_same(digest: bytes, text: str) -> bool:
    """Whether `text` is the token of this digest; takes equally long whatever differs."""
    return hmac.compare_digest(digest, digest_of(text))
