"""An event belongs to the trace that its sender names."""

from __future__ import annotations

import msgspec
import pytest

from triphammer.config.trace_context import TraceContext
from triphammer.sensors.headers import Headers
from triphammer.sensors.samples import posted_event
from triphammer.sensors.tracing import origin, within

A, B = TraceContext("a" * 32, "1" * 16, True, "v=1"), TraceContext("b" * 32, "2" * 16, False)
EVENT = posted_event("t", {})


def test_most_events_name_none() -> None:
    assert origin(EVENT) is None
    assert within(EVENT, Headers({"accept": "x"})) is EVENT


def test_headers_name_it() -> None:
    event = msgspec.structs.replace(
        EVENT, headers=Headers({k.title(): v for k, v in A.headers.items()})
    )
    assert origin(event) == A


def test_what_stands_in_the_event_comes_first() -> None:
    event = msgspec.structs.replace(EVENT, extensions=A.headers, headers=Headers(B.headers))
    assert origin(event) == A
    assert within(event, Headers(B.headers)) is event


@pytest.mark.parametrize("wrong", ["nonsense", 7, True, ""])
def test_what_is_not_valid_there_is_as_nothing(wrong: object) -> None:
    event = msgspec.structs.replace(
        EVENT, extensions={"traceparent": wrong}, headers=Headers(B.headers)
    )
    assert origin(event) == B


def test_the_request_that_brought_it_is_noted_in_the_event() -> None:
    event = msgspec.structs.replace(EVENT, extensions={"n": 1})
    noted = within(event, Headers(A.headers))
    assert noted.extensions == {"n": 1, **A.headers}
    assert origin(noted) == A
    assert within(event, Headers({"traceparent": "nonsense"})) is event
