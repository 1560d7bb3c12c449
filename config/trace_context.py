"""Which trace something belongs to, as programs tell each other.

Source: W3C Trace Context, Level 1, sections "traceparent Header" and "tracestate Header".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from hashlib import blake2b

import msgspec

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
SAMPLED = 0x01
"""The one flag of version 00; others are set to zero in what goes out."""
MEMBERS = 32
"""Most members of a tracestate."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_KEY = re.compile(
    r"[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}", re.ASCII
)
_VALUE = re.compile(r"[ !-+\--<>-~]{0,255}[!-+\--<>-~]", re.ASCII)
_NO_VERSION, _NO_TRACE, _NO_SPAN = "ff", "0" * 32, "0" * 16

current_trace: ContextVar[str] = ContextVar("triphammer_trace", default="")
"""The id of the trace that is worked for here: log lines tell it."""


class TraceContext(msgspec.Struct, frozen=True):
    """A place in a trace: its id, the id of the span that is there, whether it is recorded, and
    what vendors want passed on."""

    trace: str
    span: str
    sampled: bool
    state: str = ""

    @property
    def parent(self) -> str:
        """The `traceparent` that tells of it."""
        return f"00-{self.trace}-{self.span}-{SAMPLED if self.sampled else 0:02x}"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that tell of it."""
        state = {TRACESTATE: self.state} if self.state else {}
        return {TRACEPARENT: self.parent, **state}

    def below(self, span: str) -> TraceContext:
        """The place of a span in the same trace."""
        return msgspec.structs.replace(self, span=span)


def trace_context(parent: object, state: object = None) -> TraceContext | None:
    """What a sender says of its trace; None where that is not valid, as if nothing had come.

    A higher version is read as far as it is like ours.
    """
    found = _PARENT.fullmatch(parent.strip(" \t")) if isinstance(parent, str) else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == _NO_VERSION or (version == "00" and more is not None):
        return None
    if trace == _NO_TRACE or span == _NO_SPAN:
        return None
    kept = trace_state(state) if isinstance(state, str) else ""
    return TraceContext(trace, span, bool(int(flags, 16) & SAMPLED), kept)


def trace_state(text: str) -> str:
    """A tracestate as it is passed on; nothing of one that is not valid."""
    members = [member for part in text.split(",") if (member := part.strip(" \t"))]
    keys = [member.partition("=")[0] for member in members]
    if len(members) > MEMBERS or len(set(keys)) != len(keys):
        return ""
    return ",".join(members) if all(map(_is_member, members)) else ""


def _is_member(text: str) -> bool:
    key, equals, value = text.partition("=")
    return bool(equals and _KEY.fullmatch(key) and _VALUE.fullmatch(value))


def trace_id(*parts: str) -> str:
    """The id of a trace that begins here: the same for the same parts, so that it needs no
    storing."""
    return _digest(parts, 16) or _digest((*parts, ""), 16)


def span_id(*parts: str) -> str:
    """The id of a span, in the same way."""
    return _digest(parts, 8) or _digest((*parts, ""), 8)


def _digest(parts: tuple[str, ...], size: int) -> str:
    """Some hexadecimal digits; nothing where they are all zero, which no id may be."""
    found = blake2b("\0".join(parts).encode(), digest_size=size).digest()
    return found.hex() if any(found) else ""
