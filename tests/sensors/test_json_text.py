from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.errors import Rejected
from triphammer.sensors.json_text import decode_json


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
    ],
)
def test_a_fault_is_told_with_its_place(body: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode_json(body, "value")
    assert caught.value.status == 400
    assert reason in str(caught.value)
    assert "value" in str(caught.value)


def test_a_byte_order_mark_is_not_kept() -> None:
    assert decode_json(b"\xef\xbb\xbf[1]") == ([1], b"[1]")


@given(st.binary() | st.text(alphabet='{}[]",:0123456789eE+-.\\u nulltrf').map(str.encode))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    with suppress(Rejected):
        decode_json(body)
