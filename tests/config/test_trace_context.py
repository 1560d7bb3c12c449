"""Trace contexts are read and written by the rules of W3C Trace Context."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.trace_context import (
    MEMBERS,
    TraceContext,
    span_id,
    trace_context,
    trace_id,
    trace_state,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"
HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (GOOD, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f" \t{GOOD}\t ", True),
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"cc-{TRACE}-{SPAN}-01-", True),
    ],
)
def test_a_parent_is_read(text: str, sampled: bool) -> None:
    found = trace_context(text)
    assert found is not None
    assert found == TraceContext(TRACE, SPAN, sampled)
    assert found.parent == f"00-{TRACE}-{SPAN}-0{int(sampled)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        None,
        7,
        GOOD.upper(),
        GOOD.replace("0af", "0Af"),
        GOOD + "-more",
        GOOD + "x",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-.0",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}g-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        GOOD + "\n",
        "\u0660\u0660" + GOOD[2:],
    ],
)
def test_a_parent_that_is_not_valid_is_as_none(text: object) -> None:
    assert trace_context(text, "a=1") is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("a=1", "a=1"),
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (" a=1 ,\tb=2\t", "a=1,b=2"),
        ("a=1,,b=2,", "a=1,b=2"),
        ("fw529a3039@dt=FfC;x", "fw529a3039@dt=FfC;x"),
        ("0t@v=1", "0t@v=1"),
        ("a= b", "a= b"),
        ("a_-*/=1", "a_-*/=1"),
        (f"{'a' * 256}=1", f"{'a' * 256}=1"),
        (f"a={'v' * 256}", f"a={'v' * 256}"),
        (f"{'a' * 257}=1", ""),
        (f"a={'v' * 257}", ""),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("0a=1", ""),
        ("a", ""),
        ("a=", ""),
        ("=1", ""),
        ("a=1=2", ""),
        ("a=\x00", ""),
        ("a=\u00e9", ""),
        ("a@b@c=1", ""),
        (f"{'t' * 242}@v=1", ""),
        (f"t@{'v' * 15}=1", ""),
    ],
)
def test_a_state_is_passed_on_if_it_is_valid(text: str, kept: str) -> None:
    assert trace_state(text) == kept
    found = trace_context(GOOD, text)
    assert found is not None
    assert found.state == kept
    assert found.headers.get("tracestate", "") == kept


def test_a_state_has_thirty_two_members_at_most() -> None:
    most = ",".join(f"k{n}=v" for n in range(MEMBERS))
    assert trace_state(most) == most
    assert trace_state(most + ",one=more") == ""


@given(
    st.text(HEX, min_size=32, max_size=32), st.text(HEX, min_size=16, max_size=16), st.booleans()
)
def test_what_is_written_is_read_back(trace: str, span: str, sampled: bool) -> None:
    context = TraceContext(trace, span, sampled, "a=1")
    read = trace_context(context.headers["traceparent"], context.headers["tracestate"])
    assert read == (context if set(trace) != {"0"} and set(span) != {"0"} else None)


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    found = trace_context(text, text)
    if found is not None:
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", found.parent)
    kept = trace_state(text)
    assert trace_state(kept) == kept


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_ids_are_made_of_what_they_are_for(parts: list[str]) -> None:
    trace, span = trace_id(*parts), span_id(*parts)
    assert trace_context(f"00-{trace}-{span}-00") == TraceContext(trace, span, False)
    assert trace_id(*parts) == trace
    assert trace_id(*parts, "x") != trace
