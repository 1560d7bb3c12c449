"""Payloads by their media type: JSON, text or bytes, and the charset of a text."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from typing import Any, NamedTuple

from triphammer.config.showing import short, shown
from triphammer.sensors.errors import Rejected
from triphammer.sensors.json_text import decode_json

JSON = "application/json"
BINARY = "application/octet-stream"
_TEXTS = frozenset({"application/xml", "application/x-ndjson", "application/yaml"})


class MediaType(NamedTuple):
    """A media type in lower case and its parameters (RFC 9110, section 8.3.1)."""

    name: str
    parameters: Mapping[str, str]

    @property
    def is_json(self) -> bool:
        """Whether it is JSON or, by its suffix, built on JSON (RFC 6839, section 3.1)."""
        return self.name in (JSON, "text/json") or self.name.endswith("+json")

    @property
    def is_text(self) -> bool:
        """Whether its content is meant to be read as text."""
        return self.name.startswith("text/") or self.name in _TEXTS or self.name.endswith("+xml")


LONGEST = 1000
"""A Content-Type of more characters makes no sense."""
_PLAIN_JSON = MediaType(JSON, {})


def media_type(content_type: str) -> MediaType:
    """The parsed Content-Type; one that makes no sense is taken as binary."""
    if content_type == JSON:
        return _PLAIN_JSON
    if len(content_type) > LONGEST:
        return MediaType(BINARY, {})
    if ";" not in content_type:
        name = content_type.strip().lower()
        return MediaType(name if "/" in name else BINARY, {})
    message = Message()
    message["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
    pairs = message.get_params(failobj=[], unquote=True)
    name = pairs[0][0].lower() if pairs else ""
    # A parameter in the extended form of RFC 2231 comes as a tuple, whatever its type says.
    plain = {name.lower(): str(value) for name, value in pairs[1:] if type(value) is str}
    return MediaType(name if "/" in name else BINARY, plain)


class Payload(NamedTuple):
    """Decoded data, and the exact JSON that it came from if it came from JSON."""

    data: Any
    raw: bytes | None


def decode_payload(body: bytes, media: MediaType, what: str = "body") -> Payload:
    """`body` as its media type says; an empty one is None.

    Raises `Rejected` 400 for what is not well-formed, 415 for an unknown charset.
    """
    if not body:
        return Payload(None, None)
    if media.is_json:
        return Payload(*decode_json(_utf8(body, media, what), what))
    if media.is_text:
        return Payload(decode_text(body, media, what), None)
    return Payload(body, None)


def decode_text(body: bytes, media: MediaType, what: str = "body") -> str:
    """`body` as text in the media type's charset, UTF-8 where none is given."""
    charset = media.parameters.get("charset", "utf-8")
    try:
        text = body.decode(charset)
        text.encode()  # UTF-7 smuggles lone surrogates in, which no JSON or store can hold
    except UnicodeDecodeError as error:
        raise Rejected(400, f"byte {error.start} of the {what} is not {short(charset)}") from error
    except UnicodeEncodeError as error:
        raise Rejected(400, f"the {what} is not valid {short(charset)}") from error
    except (LookupError, ValueError) as error:
        raise Rejected(415, f"unknown charset {shown(charset)} of the {what}") from error
    return text


def _utf8(body: bytes, media: MediaType, what: str) -> bytes:
    charset = media.parameters.get("charset", "utf-8").lower()
    if charset in ("utf-8", "utf8", "us-ascii"):
        return body
    return decode_text(body, media, what).encode()
