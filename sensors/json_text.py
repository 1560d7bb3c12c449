"""JSON as it arrives: decoded, or refused with the place where it is broken."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from triphammer.sensors.errors import Rejected

_BOM = b"\xef\xbb\xbf"
DEPTH = 200
"""Levels of arrays and objects. What is deeper is no message but an attack on whatever walks it
later: pages, validators, the users' own code."""

_CONTAINERS = frozenset({dict, list})
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
    # Most texts have so few brackets that they cannot be deep, which is quick to see.
    if body.count(b"[") + body.count(b"{") > DEPTH and _is_deep(value):
        raise _too_deep(what)
    return value, body


def malformed_json(body: bytes, error: Exception, what: str = "body") -> Rejected:
    """The refusal of `body`, which failed to decode with `error`: says where it is broken."""
    if isinstance(error, RecursionError):
        return _too_deep(what)
    return Rejected(400, f"malformed JSON in the {what}: {_fault(body, error)}")


def _too_deep(what: str) -> Rejected:
    return Rejected(400, f"the JSON of the {what} is nested too deeply: {DEPTH} levels are taken")


def _is_deep(value: Any) -> bool:
    """Whether there are more than `DEPTH` levels. Level by level: a sender chooses the depth."""
    level = _containers([value])
    for _ in range(DEPTH):
        level = _containers(child for item in level for child in _children(item))
        if not level:
            return False
    return True


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if type(value) in _CONTAINERS]


def _children(item: Any) -> Iterable[Any]:
    return cast(Iterable[Any], item.values() if type(item) is dict else item)


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
