from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.codec import decode_data, encode_data, event_json, new_event
from triphammer.sensors.headers import Headers

NOW = 1_767_225_600_000_001
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=8,
)


def test_the_json_form() -> None:
    event = new_event(
        id="1", source="s", type="t", data={"a": 1}, now=NOW, subject="x", key="evt_1",
        time=datetime(2026, 1, 1, tzinfo=UTC), headers=Headers({"A": "b"}), extensions={"e": 2},
    )  # fmt: skip
    assert event_json(event) == {
        "key": "evt_1",
        "id": "1",
        "source": "s",
        "type": "t",
        "subject": "x",
        "time": "2026-01-01T00:00:00Z",
        "received_at": "2026-01-01T00:00:00.000001Z",
        "data": {"a": 1},
        "headers": {"a": "b"},
        "extensions": {"e": 2},
        "content_type": "application/json",
    }


def test_binary_data_is_shown_as_base64() -> None:
    shown = event_json(new_event(id="1", source="s", type="t", data=b"\xff", now=NOW))
    assert (shown["data"], shown["data_encoding"]) == ("/w==", "base64")
    msgspec.json.encode(shown)


def test_json_that_came_in_is_stored_as_it_came() -> None:
    event = new_event(id="1", source="s", type="t", data={"a": 1.5}, raw=b'{"a": 1.50}', now=NOW)
    assert encode_data(event) == ("json", b'{"a": 1.50}')
    assert decode_data("json", b'{"a": 1.50}') == ({"a": 1.5}, b'{"a": 1.50}')


@given(JSON | st.binary() | st.text())
def test_a_payload_comes_back_from_the_store(data: Any) -> None:
    event = new_event(id="1", source="s", type="t", data=data, now=NOW)
    kind, payload = encode_data(event)
    back, raw = decode_data(kind, payload)
    assert back == data
    assert type(back) is type(data)
    assert raw == (payload if kind == "json" else None)
