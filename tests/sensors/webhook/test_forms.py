from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.bodies import media_type
from triphammer.sensors.errors import Rejected
from triphammer.sensors.webhook.forms import FIELDS, decode_body

URLENCODED = "application/x-www-form-urlencoded"


def decoded(body: bytes, content_type: str) -> Any:
    return decode_body(body, media_type(content_type)).data


def refused(body: bytes, content_type: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode_body(body, media_type(content_type))
    return caught.value


def test_json_is_decoded_and_kept_as_it_came() -> None:
    payload = decode_body(b'{"a":  1}', media_type("application/vnd.github+json"))
    assert payload == ({"a": 1}, b'{"a":  1}')
    assert decoded(b"\xef\xbb\xbf[]", "application/json") == []
    assert decoded('"é"'.encode("latin-1"), "application/json; charset=latin-1") == "é"


def test_malformed_json_names_its_place() -> None:
    error = refused(b'{"a": 1,\n}', "application/json")
    assert error.status == 400
    assert "line 2, column 1, byte 9" in str(error)


def test_text_follows_its_charset() -> None:
    assert decoded("é".encode(), "text/plain") == "é"
    assert decoded(b"\xe9", "text/plain; charset=ISO-8859-1") == "é"
    assert decoded(b"<a/>", "application/xml") == "<a/>"
    assert "byte 1 of the body is not utf-8" in str(refused(b"a\xff", "text/plain"))
    assert refused(b"a", "text/plain; charset=klingon").status == 415
    assert refused(b"+2AA-", "text/plain; charset=utf-7").status == 400


@pytest.mark.parametrize(
    "content_type", ["application/pdf", "", "rubbish", "image/png; a=b", "text/plain" + ";" * 9999]
)
def test_everything_else_is_bytes(content_type: str) -> None:
    assert decoded(b"\x00\xff", content_type) == b"\x00\xff"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", URLENCODED, "a/b"])
def test_an_empty_body_is_none(content_type: str) -> None:
    assert decoded(b"", content_type) is None


def test_a_form_gives_texts_and_lists_of_repeated_fields() -> None:
    assert decoded(b"a=1&b=x+y%21&b=&c", URLENCODED) == {"a": "1", "b": ["x y!", ""], "c": ""}
    assert "not UTF-8" in str(refused(b"a=%E9", URLENCODED))
    assert refused(b"&".join([b"a=1"] * (FIELDS + 1)), URLENCODED).status == 400


@given(st.text("%+&=aF41\\xu\né", max_size=20))
def test_a_form_is_read_as_the_library_reads_it(text: str) -> None:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        assert "not UTF-8" in str(refused(text.encode(), URLENCODED))
        return
    found = {name: [v for n, v in pairs if n == name] for name, _ in pairs}
    expected = {name: v[0] if len(v) == 1 else v for name, v in found.items()}
    assert decoded(text.encode(), URLENCODED) == (expected if text else None)


def test_escapes_cost_little_more_than_their_bytes() -> None:
    """The library's unquote makes an object of each: 1.9 GB of a body of 10 MB."""
    body = b"%" * 1_000_000
    tracemalloc.start()
    try:
        assert decoded(body, URLENCODED) == {"%" * 1_000_000: ""}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 * len(body)


def test_json_sent_as_a_form_by_curl_is_json() -> None:
    assert decoded(b'{"a": 1}', URLENCODED) == {"a": 1}
    assert "malformed JSON" in str(refused(b'{"a": 1', URLENCODED))


def test_a_multipart_form_gives_fields_and_files() -> None:
    request = httpx.Request(
        "POST",
        "http://h",
        data={"a": "é", "b": ["1", "2"]},
        files={"f": ("x.bin", b"\x00\r\n\xff", "image/png")},
    )
    data = decoded(request.read(), request.headers["content-type"])
    assert data == {
        "a": "é",
        "b": ["1", "2"],
        "f": {"filename": "x.bin", "content_type": "image/png", "base64": "AA0K/w=="},
    }


def test_a_broken_multipart_form_is_refused() -> None:
    request = httpx.Request("POST", "http://h", files={"f": ("x", b"abc")})
    body, content_type = request.read(), request.headers["content-type"]
    assert "before its last boundary" in str(refused(body[:-8], content_type))
    assert refused(b"x" + body, content_type).status == 400
    assert "boundary" in str(refused(body, "multipart/form-data"))
    nameless = b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n"
    message = str(refused(nameless, "multipart/form-data; boundary=b"))
    assert "cannot be read: Field name not found" in message
    many = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(FIELDS + 1)
    )
    assert "more than" in str(refused(many + b"--b--\r\n", "multipart/form-data; boundary=b"))


PIECES = st.lists(
    st.sampled_from(
        [
            b"--b",
            b"--b--",
            b"\r\n",
            b'Content-Disposition: form-data; name="a"',
            b"\xff",
            b"x",
            b'; filename="f"',
            b"Content-Transfer-Encoding: base64",
            b": ",
            b"\n",
            b"--",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(
    PIECES | st.binary(max_size=40),
    st.sampled_from(
        [
            "multipart/form-data; boundary=b",
            URLENCODED,
            "application/json",
            "text/plain; charset=utf-16",
        ]
    ),
)
def test_any_body_is_decoded_or_refused(body: bytes, content_type: str) -> None:
    with suppress(Rejected):
        decode_body(body, media_type(content_type))
