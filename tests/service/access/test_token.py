from __future__ import annotations

import ast
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from triphammer.config.masking import MASK, Masker
from triphammer.service.access.token import digest_of, id_of, is_same, new_token

ROOT = Path(__file__).parents[3]
PUBLIC: set[str] = set()
"""Comparisons of what has such a name and is not secret."""


def test_a_token_names_its_id_and_is_itself_only() -> None:
    id, text = new_token()
    other = new_token()
    assert (id_of(text), other[0] != id, other[1] != text) == (id, True, True)
    assert is_same(digest_of(text), text)
    assert not is_same(digest_of(text), other[1])
    assert text.encode() not in digest_of(text)


@pytest.mark.parametrize(
    "text",
    ["", "x", "trip_", "trip_0123456789abcdef_", "Bearer x", "\u0661" * 64, "trip_" + "0" * 60],
)
def test_what_is_no_token(text: str) -> None:
    assert id_of(text) is None


def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        asked.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert not is_same(b"kept", "text")
    assert asked == [(b"kept", digest_of("text"))]


SECRET = re.compile(r"token|secret|digest|signature|session|password|cookie", re.IGNORECASE)
READERS = ("service/access", "service/web", "sensors/webhook")


def compared() -> Iterator[str]:
    """Where something that is named like a secret is compared in a time that tells of it."""
    for folder in READERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                    sides = (node.left, *node.comparators)
                    named = [side for side in sides if not isinstance(side, ast.Constant)]
                    if any(SECRET.search(ast.unparse(side)) for side in named):
                        yield f"{file.relative_to(ROOT)}: {ast.unparse(node)}"


def test_nothing_secret_is_compared_by_equality() -> None:
    """Tokens and sessions are found by their digests, signatures by `hmac.compare_digest`."""
    assert set(compared()) == PUBLIC


def test_tokens_are_masked_wherever_they_stand() -> None:
    _, text = new_token()
    assert Masker().mask(f"curl -H 'Authorization: Bearer {text}' x") == (
        f"curl -H 'Authorization: Bearer {MASK}' x"
    )
    assert Masker().mask("trip_hammer") == "trip_hammer"
