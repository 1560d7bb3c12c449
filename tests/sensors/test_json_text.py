from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.errors import Rejected
from triphammer.sensors.json_text import DEPTH, decode_json


def nested(levels: int) -> bytes:
    """Arrays and objects in turn, beside flat ones, `levels` deep."""
    opening = [b'{"a":[],"b":' if n % 2 else b"[{},3," for n in range(levels - 1)]
    closing = [b"}" if n % 2 else b"]" for n in reversed(range(levels - 1))]
    return b"".join([*opening, b"[]", *closing])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a":1', "line 1, column 7, byte 6"),
        ('{"é":nope}'.encode(), "line 1, column 6, byte 6"),
        (b"", "byte 0"),
        (b"{}\n{}", "line 2, column 1, byte 3"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b"NaN", "byte 0"),
        (b'{"a": Infinity}', "byte 6"),
        (b"1e999", "out of range"),
        (b'"\\ud800"', "malformed JSON in the value"),
        (b"[" * 100_000, "nested too deeply"),
        (nested(DEPTH + 1), "nested too deeply: 200 levels"),
        (nested(900), "nested too deeply: 200 levels"),
    ],
)
def test_a_fault_is_told_with_its_place(body: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode_json(body, "value")
    assert caught.value.status == 400
    assert reason in str(caught.value)
    assert "value" in str(caught.value)


def test_what_is_taken_can_be_read_again_from_deep_in_the_stack() -> None:
    def below(frames: int) -> Any:
        return below(frames - 1) if frames else decode_json(nested(DEPTH))

    assert below(600)


def test_a_byte_order_mark_is_not_kept() -> None:
    assert decode_json(b"\xef\xbb\xbf[1]") == ([1], b"[1]")


def test_what_is_just_deep_enough_is_taken() -> None:
    assert decode_json(nested(DEPTH))[1] == nested(DEPTH)
    wide = b"[" + b"{}," * 5000 + b"[]]"
    assert len(decode_json(wide)[0]) == 5001


@given(st.integers(1, 400))
def test_depth_is_judged_as_recursion_would(levels: int) -> None:
    body = nested(levels)
    try:
        decode_json(body)
    except Rejected:
        assert levels > DEPTH
    else:
        assert levels <= DEPTH


@given(st.binary() | st.text(alphabet='{}[]",:0123456789eE+-.\\u nulltrf').map(str.encode))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    with suppress(Rejected):
        decode_json(body)
