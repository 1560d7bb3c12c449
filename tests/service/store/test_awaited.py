"""How events find waits, beside asking every pattern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.store_cases import an_event
from triphammer.flows.journal import Wait
from triphammer.service.store.awaited import (
    ALWAYS,
    event_answer,
    keys_for,
    keys_of,
    matches,
    only_type,
)

SCALARS: list[Any] = [1, 1.0, True, False, 0, None, "", "a", "b", "1", 2.5, "\ud800", "x" * 300]
leaf = st.one_of(
    st.lists(st.sampled_from([v for v in SCALARS if v != "\ud800"]), min_size=1, max_size=2),
    st.sampled_from([[{"prefix": "a"}], [{"exists": False}], ["a", {"prefix": "b"}]]),
)
patterns = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([["paid"], ["paid", "other"], [{"prefix": "pa"}]]),
        "subject": leaf,
        "data": st.dictionaries(st.sampled_from(["n", "m"]), leaf, min_size=1),
    },
).filter(bool)
values = st.one_of(st.sampled_from(SCALARS), st.lists(st.sampled_from(SCALARS), max_size=2))
found_in = st.dictionaries(st.sampled_from(["n", "m"]), values)


@given(patterns, st.sampled_from(["paid", "other", "sold"]), found_in, st.booleans())
def test_whatever_a_pattern_matches_is_found_by_its_keys(
    pattern: Mapping[str, Any], type: str, data: Any, by_n: bool
) -> None:
    event = an_event(type=type, data=data, subject="a")
    wait = Wait(task="w", kind="wait_for", pattern=pattern, by=("data", "n") if by_n else ())
    keys = keys_of(wait)
    if matches(wait, event):
        assert set(keys) & set(keys_for(event, sorted({path for path, _ in keys})))
        assert only_type(wait) in (None, type)


def test_the_value_of_the_run_is_the_key() -> None:
    pattern = {"type": ["paid"], "data": {"status": ["done"], "order": [7]}}
    wait = Wait(task="w", kind="wait_for", pattern=pattern, by=("data", "order"))
    assert keys_of(wait) == [('["data", "order"]', "7")]
    assert keys_of(Wait(task="w", kind="wait_for", pattern={"type": ["a", "b"]})) == [
        ('["type"]', '"a"'),
        ('["type"]', '"b"'),
    ]
    unclear = {"data": {"n": [{"numeric": [">", 1]}]}}
    assert keys_of(Wait(task="w", kind="wait_for", pattern=unclear)) == [ALWAYS]


def test_what_json_cannot_hold_is_left_out_of_the_answer() -> None:
    answer = event_answer(an_event(data="\ud800"))
    assert answer.value is not None
    assert b'"data":null' in answer.value.body
    assert b'"data":{"a":1}' in (event_answer(an_event(data={"a": 1})).value or answer.value).body
