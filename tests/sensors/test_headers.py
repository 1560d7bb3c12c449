from __future__ import annotations

from triphammer.sensors.headers import NO_HEADERS, Headers


def test_names_are_found_in_any_case() -> None:
    headers = Headers({"Content-Type": "a/b"})
    assert headers["content-TYPE"] == "a/b"
    assert "CONTENT-type" in headers
    assert headers.get("other") is None


def test_a_repeated_name_keeps_the_last_value() -> None:
    assert dict(Headers([("A", "1"), ("a", "2")])) == {"a": "2"}


def test_headers_are_values() -> None:
    assert Headers({"A": "1"}) == Headers({"a": "1"}) == {"a": "1"}
    assert hash(Headers({"A": "1"})) == hash(Headers({"a": "1"}))
    assert repr(Headers({"A": "1"})) == "Headers({'a': '1'})"
    assert len(NO_HEADERS) == 0
