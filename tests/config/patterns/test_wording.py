"""Patterns in words."""

from __future__ import annotations

from typing import Any

import pytest

from triphammer.config.patterns import compile_pattern
from triphammer.config.patterns.operators import NESTED, OPERATORS
from triphammer.config.patterns.wording import LONGEST, NEGATED, PHRASES, in_words

CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": ["a", "b"]}, ["type is 'a' or 'b'"]),
    (
        {"data": {"ref": ["refs/heads/main"], "size": [{"numeric": [">", 0, "<=", 5]}]}},
        ["data.ref is 'refs/heads/main'", "data.size is more than 0 and at most 5"],
    ),
    (
        {"headers": {"x-github-event": ["push", {"prefix": "pull"}]}},
        ["headers.x-github-event is 'push' or begins with 'pull'"],
    ),
    (
        {"subject": [{"suffix": {"equals-ignore-case": ".CSV"}}]},
        ["subject ends with '.CSV' in any case"],
    ),
    ({"data": {"a": [{"exists": False}, None]}}, ["data.a is None or is not there"]),
    ({"data": {"a": [{"exists": True}]}}, ["data.a is there"]),
    ({"data": {"a": [{"anything-but": ["x", 3]}]}}, ["data.a is not 'x' or 3"]),
    (
        {"data": {"a": [{"anything-but": {"prefix": ["x", "y"]}}]}},
        ["data.a does not begin with 'x' and does not begin with 'y'"],
    ),
    ({"data": {"ip": [{"cidr": "10.0.0.0/8"}]}}, ["data.ip is an address in 10.0.0.0/8"]),
    ({"type": [{"wildcard": "order.*"}]}, ["type is like 'order.*'"]),
    ({"type": [{"regex": "^a+$"}]}, ["type matches /^a+$/"]),
    ({"type": [{"equals-ignore-case": "A"}]}, ["type is 'A' in any case"]),
    (
        {"data": {"$or": [{"a": [1]}, {"b": [2], "c": [{"numeric": ["<", 3]}]}]}, "type": ["t"]},
        ["data.a is 1, or data.b is 2 and data.c is less than 3", "type is 't'"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "words"), CASES)
def test_each_condition_is_a_sentence(pattern: dict[str, Any], words: list[str]) -> None:
    compile_pattern(pattern)  # it is one that a flow can have
    assert in_words(pattern) == words


def test_every_operator_has_its_words() -> None:
    assert set(PHRASES) == set(OPERATORS)
    assert set(NEGATED) == set(NESTED)


def test_a_sentence_ends_however_long_the_list_is() -> None:
    (sentence,) = in_words({"type": [f"type number {n}" for n in range(1000)]})
    assert len(sentence) < LONGEST + 10
