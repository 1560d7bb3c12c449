"""A span: one piece of work in a trace, when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float | bool


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Times are microseconds UTC. `parent` is the id of the span above, empty where the trace
    begins; `remote`: it is another program's. `error` says why the work failed, if it did."""

    name: str
    kind: Kind
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: Mapping[str, Value]
    error: str | None = None
    remote: bool = False
    state: str = ""


Export = Callable[[Span], None]
"""Takes a span to wherever it is kept. Called on the service loop: never waits."""
