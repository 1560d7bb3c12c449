"""Inputs near to valid ones, and inputs that are made of a grammar's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from hypothesis import strategies as st

from tests.chaos.fuzz.target import Target

NASTY = (
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000",
    "²".encode(), "٣".encode(), "\u202e".encode(), b"%", b"%ff", b"%00", b"\r\n", b"\n\n", b'"',
    b"null", b"NaN", b"-Infinity", b"1e999", b"-0", b"18446744073709551616", b"9" * 400,
    b"1" * 5000, b"a" * 10_000, b"[" * 1200, b'{"a":' * 600, b"[" * 300 + b"]" * 300,
)  # fmt: skip
"""What parsers stumble over: broken encodings, huge numbers and names, deep nesting."""
COPIES = 40

Edit = Callable[[bytes], bytes]


HOSTILE = (
    b"null", b"true", b"false", b"0", b"-1", b"9223372036854775808", b"18446744073709551616",
    b"1" * 400, b"1" * 5000, b"1e308", b"1e999", b"NaN", b"-Infinity", b"1.5", b'""', b'"a"',
    b'"\\u0000"', b'"\\ud800"', '"\U0010ffff"'.encode(), '"²"'.encode(), b'"%s"' % (b"a" * 10_000),
    b'"%s"' % (b"(" * 2000), b"[]", b"{}", b"[[]]", b"[null]", b'{"":""}', b'{"\\ud800":1}',
    b'{"%s":1}' % (b"a" * 10_000), b"[" * 30 + b"]" * 30, b"[" * 400 + b"]" * 400,
    b'{"a":' * 400 + b"1" + b"}" * 400, b"[" * 1200 + b"]" * 1200,
    b"[%s]" % b",".join([b"1"] * 500),
)  # fmt: skip
"""Values that a sender may put anywhere in its JSON, as texts."""


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Mutated seeds of the target, words of it, and its JSON with hostile members."""
    near = st.sampled_from(target.seeds)
    words = st.sampled_from((*target.words, *target.seeds))
    edits = st.lists(_edit(words | st.sampled_from(NASTY) | st.binary(max_size=4)), max_size=6)
    texts = st.lists(words | st.sampled_from(NASTY), max_size=12)
    separators = st.sampled_from([b"", b" ", b"\n", b",", b"."])
    return st.one_of(
        st.builds(_edited, near, edits),
        st.builds(bytes.join, separators, texts),
        st.builds(_with_hostile_json, near, st.data()),
    )


def _edited(data: bytes, edits: list[Edit]) -> bytes:
    for edit in edits:
        data = edit(data)
    return data


def _edit(pieces: st.SearchStrategy[bytes]) -> st.SearchStrategy[Edit]:
    place = st.integers(0, 2**16)
    return st.one_of(
        st.builds(_flip, place, st.integers(0, 7)),
        st.builds(_cut, place, place),
        st.builds(_double, place, place, st.integers(1, COPIES)),
        st.builds(_splice, place, place, pieces),
        st.builds(_swap, place, place, place),
    )


def _flip(at: int, bit: int) -> Edit:
    def edit(data: bytes) -> bytes:
        if not data:
            return data
        place = at % len(data)
        return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]

    return edit


def _range(data: bytes, one: int, other: int) -> tuple[int, int]:
    ends = sorted((one % (len(data) + 1), other % (len(data) + 1)))
    return ends[0], ends[1]


def _cut(one: int, other: int) -> Edit:
    def edit(data: bytes) -> bytes:
        begin, end = _range(data, one, other)
        return data[:begin] + data[end:]

    return edit


def _double(one: int, other: int, times: int) -> Edit:
    def edit(data: bytes) -> bytes:
        begin, end = _range(data, one, other)
        return data[:begin] + data[begin:end] * (times + 1) + data[end:]

    return edit


def _splice(one: int, other: int, piece: bytes) -> Edit:
    """Put `piece` at a place, or in place of what stands there."""

    def edit(data: bytes) -> bytes:
        begin, end = _range(data, one, other)
        return data[:begin] + piece + data[begin if other % 2 else end :]

    return edit


def _swap(one: int, other: int, to: int) -> Edit:
    def edit(data: bytes) -> bytes:
        begin, end = _range(data, one, other)
        rest = data[:begin] + data[end:]
        place = to % (len(rest) + 1)
        return rest[:place] + data[begin:end] + rest[place:]

    return edit


def _with_hostile_json(data: bytes, draw: st.DataObject) -> bytes:
    """The input with some members of its JSON replaced; as it is if it has none."""
    begin = min((at for at in (data.find(b"{"), data.find(b"[")) if at >= 0), default=-1)
    try:
        value: Any = json.loads(data[begin:])
    except ValueError:
        return data
    holder = {"": value}
    put: dict[str, bytes] = {}
    for number in range(draw.draw(st.integers(1, 3))):
        container, key = draw.draw(st.sampled_from(_places(holder)))
        container[key] = f"#{number}#"
        put[f'"#{number}#"'] = draw.draw(st.sampled_from(HOSTILE))
    text = json.dumps(holder[""], ensure_ascii=False).encode()
    for mark, hostile in put.items():
        text = text.replace(mark.encode(), hostile)
    return data[:begin] + text


def _places(holder: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Every place of a value, as its container and key."""
    found: list[tuple[Any, Any]] = []
    stack: list[Any] = [holder]
    while stack:
        at = stack.pop()
        keys = list(cast("dict[str, Any]", at)) if isinstance(at, dict) else range(len(at))
        found += [(at, key) for key in keys]
        stack += [at[key] for key in keys if isinstance(at[key], (dict, list))]
    return found
