"""Parsers of what senders say of their traces: nothing of it is ever refused."""

from __future__ import annotations

import re

from tests.chaos.fuzz.target import Target
from triphammer.config.trace_context import MEMBERS, trace_context

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _trace(data: bytes) -> None:
    """What goes out is valid, and says the same as what came in."""
    parent, _, state = data.decode("latin-1").partition("\n")
    found = trace_context(parent, state)
    if found is None:
        return
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", found.parent)
    assert found.trace in parent
    assert found.state.count(",") < MEMBERS
    assert trace_context(found.parent, found.state) == found


TARGETS = (
    Target(
        "trace",
        _trace,
        ValueError,
        "",
        (PARENT, PARENT + b"\nrojo=00f067aa0ba902b7,congo=t61rcWkgMzE", b"cc" + PARENT[2:] + b"-x"),
        (
            b"00",
            b"ff",
            b"-",
            b"0" * 16,
            b"\n",
            b"=",
            b",",
            b"@",
            b" ",
            b"\t",
            b"a=1",
            b"A",
            b"\xff",
        ),
    ),
)
