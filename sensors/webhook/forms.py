"""Bodies of HTML forms: `application/x-www-form-urlencoded` and `multipart/form-data`.

A field is text, a field given more than once a list of texts. A file of a multipart form is
`{"filename", "content_type", "base64"}`, so that the data stays JSON.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser

from triphammer.sensors.bodies import MediaType, Payload, decode_payload, decode_text
from triphammer.sensors.errors import Rejected
from triphammer.sensors.json_text import decode_json

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_LONE = re.compile(r"%(?![0-9A-Fa-f]{2})")
FIELDS = 1000
"""More fields than this are refused: each costs far more memory than its bytes."""


def decode_body(body: bytes, media: MediaType) -> Payload:
    """A delivery's body as its media type says, forms included. Raises `Rejected` 400 or 415."""
    if body and media.name == URLENCODED:
        return _urlencoded(body, media)
    if body and media.name == MULTIPART:
        return Payload(_joined(_multipart(body, media)), None)
    return decode_payload(body, media)


def _urlencoded(body: bytes, media: MediaType) -> Payload:
    if body.lstrip()[:1] in (b"{", b"["):
        # No form encoder leaves a brace bare: it is `curl -d '{...}'` without a content type.
        return Payload(*decode_json(body))
    text = decode_text(body, media)
    if text.count("&") >= FIELDS:
        raise _too_many()
    try:
        return Payload(_joined(_pairs(text)), None)
    except UnicodeDecodeError as error:
        raise Rejected(400, "the form holds percent-encoded bytes that are not UTF-8") from error


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for field in text.split("&"):
        if field:
            name, _, value = field.partition("=")
            yield _unquoted(name), _unquoted(value)


def _unquoted(text: str) -> str:
    """`text` with its escapes undone (WHATWG URL, section 5.1); a `%` without digits stays.

    By Python's codec of backslash escapes: the library's unquote makes an object of each escape,
    two hundred bytes for one of a hostile body.
    """
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    escaped = _LONE.sub("%25", text).replace("\\", "\\\\").replace("%", "\\x")
    return escaped.encode().decode("unicode_escape").encode("latin-1").decode()


def _multipart(body: bytes, media: MediaType) -> list[tuple[str, Any]]:
    boundary = media.parameters.get("boundary")
    if not boundary:
        raise Rejected(400, "the multipart Content-Type names no boundary")
    parts: list[tuple[str, Any]] = []
    ended: list[bool] = []

    def on_field(field: Field) -> None:
        _room(parts)
        parts.append((_text(field.field_name), _text(field.value)))

    def on_file(file: File) -> None:
        _room(parts)
        parts.append((_text(file.field_name), _file(file)))

    parser = FormParser(
        MULTIPART,
        on_field,
        on_file,
        on_end=lambda: ended.append(True),
        boundary=boundary,
        # The body is in memory and bounded already: nothing is spooled to disk.
        config={"MAX_MEMORY_FILE_SIZE": len(body) + 1, "UPLOAD_ERROR_ON_BAD_CTE": True},
    )
    try:
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Rejected(400, f"the multipart form cannot be read: {error}") from error
    finally:
        parser.close()
    if not ended:
        raise Rejected(400, "the multipart form ends before its last boundary")
    return parts


def _file(file: File) -> dict[str, Any]:
    file.file_object.seek(0)
    content = file.file_object.read()
    file.close()
    return {
        "filename": _text(file.file_name),
        "content_type": file.content_type,
        "base64": b64encode(content).decode(),
    }


def _room(parts: list[tuple[str, Any]]) -> None:
    if len(parts) >= FIELDS:
        raise _too_many()


def _too_many() -> Rejected:
    return Rejected(400, f"the form has more than {FIELDS} fields")


def _text(value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise Rejected(400, "a field of the multipart form is not UTF-8") from error


def _joined(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
