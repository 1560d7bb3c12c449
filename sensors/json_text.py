"""JSON as it arrives: decoded, or refused with the place where it is broken."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from triphammer.config.nesting import deeper_than
from triphammer.sensors.errors import Rejected

_BOM = b"\xef\xbb\xbf"
DEPTH = 200
"""Levels of arrays and objects. What is deeper is no message but an attack on whatever walks it
later: pages, validators, the users' own code."""

JSON_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding a hostile text may raise: its form, its encoding, its depth."""


def decode_json(body: bytes, what: str = "body") -> tuple[Any, bytes]:
    """The value of a JSON text and the text itself (without a byte order mark).

    Raises `Rejected` 400 that names line, column and byte of the fault, or says that there are
    more than `DEPTH` levels.
    """
    body = body.removeprefix(_BOM)
    try:
        value = msgspec.json.decode(body)
    except JSON_FAULTS as error:
        raise malformed_json(body, error, what) from error
    check_depth(value, body, what)
    return value, body


def check_depth(value: Any, body: bytes, what: str) -> None:
    """Raise `Rejected` 400 where `value`, the value of `body`, has more than `DEPTH` levels."""
    # Most texts have so few brackets that they cannot be deep, which is quick to see.
    if body.count(b"[") + body.count(b"{") > DEPTH and deeper_than(DEPTH, value):
        raise _too_deep(what)


def malformed_json(body: bytes, error: Exception, what: str = "body") -> Rejected:
    """The refusal of `body`, which failed to decode with `error`: says where it is broken."""
    if isinstance(error, RecursionError):
        return _too_deep(what)
    return Rejected(400, f"malformed JSON in the {what}: {_fault(body, error)}")


def _too_deep(what: str) -> Rejected:
    return Rejected(400, f"the JSON of the {what} is nested too deeply: {DEPTH} levels are taken")


def _fault(body: bytes, error: Exception) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as broken:
        return f"byte {broken.start} is not UTF-8"
    try:
        # The fast decoder does not name the place of every fault; the standard one does.
        json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as found:
        place = f"line {found.lineno}, column {found.colno}, byte {len(text[: found.pos].encode())}"
        return f"{found.msg} at {place}"
    except (ValueError, RecursionError):
        pass
    return str(error)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
