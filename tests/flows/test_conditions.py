"""Conditions against plain Python on the same values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flows.support import KnownScope, an_event
from triphammer.flows.conditions import Condition, EventMatches, condition
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import Expr, needs
from triphammer.flows.references import ParamRef

NAMES = "abc"
numbers = st.integers(-2, 2)
Values = dict[str, int]
Pair = tuple[Any, Callable[[Values], bool]]
"""A drawn condition, and what it must say of the values."""

OPERATORS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@st.composite
def comparisons(draw: st.DrawFn) -> Pair:
    compare = draw(st.sampled_from(OPERATORS))
    name, other = draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMES) | numbers)
    if isinstance(other, str):
        return compare(ParamRef(name), ParamRef(other)), lambda v: compare(v[name], v[other])
    if draw(st.booleans()):  # a plain value on the left side
        return compare(other, ParamRef(name)), lambda v: compare(other, v[name])
    return compare(ParamRef(name), other), lambda v: compare(v[name], other)


def both(pair: tuple[Pair, Pair]) -> Pair:
    (one, left), (other, right) = pair

    def expected(values: Values) -> bool:
        return left(values) and right(values)

    return one & other, expected


def either(pair: tuple[Pair, Pair]) -> Pair:
    (one, left), (other, right) = pair

    def expected(values: Values) -> bool:
        return left(values) or right(values)

    return one | other, expected


def negation(pair: Pair) -> Pair:
    drawn, holds = pair

    def expected(values: Values) -> bool:
        return not holds(values)

    return ~drawn, expected


def combined(pairs: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    two = st.tuples(pairs, pairs)
    return st.one_of(two.map(both), two.map(either), pairs.map(negation))


@given(
    st.recursive(comparisons(), combined, max_leaves=8),
    st.fixed_dictionaries(dict.fromkeys(NAMES, numbers)),
)
def test_says_what_python_says(pair: Pair, values: dict[str, int]) -> None:
    drawn, expected = pair
    assert isinstance(drawn, Condition)
    assert drawn.evaluate(KnownScope(params=values)) is expected(values)


def test_the_right_side_is_not_looked_at_when_the_left_decides() -> None:
    scope = KnownScope(params={"a": 1})
    missing = ParamRef("missing")
    assert condition((ParamRef("a") == 2) & missing).evaluate(scope) is False
    assert condition((ParamRef("a") == 1) | missing).evaluate(scope) is True


@pytest.mark.parametrize(("value", "expected"), [([], False), ([0], True), (None, False)])
def test_a_handle_counts_as_python_counts_it(value: Any, expected: bool) -> None:
    assert condition(ParamRef("a")).evaluate(KnownScope(params={"a": value})) is expected


def test_an_event_pattern_is_matched_against_the_runs_event() -> None:
    drawn = condition({"data": {"ref": ["main"]}})
    assert isinstance(drawn, EventMatches)
    assert drawn.evaluate(KnownScope(event=an_event({"ref": "main"}))) is True
    assert drawn.evaluate(KnownScope(event=an_event({"ref": "dev"}))) is False
    assert list(drawn.parts()) == []


@pytest.mark.parametrize("value", [True, False, None, 1, "x"])
def test_a_plain_value_is_no_condition(value: Any) -> None:
    with pytest.raises(GraphError, match=r"test_conditions.py:\d+: .*computed while the graph"):
        condition(value)


def test_a_wrong_pattern_names_its_fault_and_the_line() -> None:
    with pytest.raises(GraphError, match=r"test_conditions.py:\d+: when=: .*numerik"):
        condition({"data": {"n": [{"numerik": [">", 1]}]}})


def test_plain_operands_name_the_parentheses() -> None:
    drawn: Any = ParamRef("a") > 1
    with pytest.raises(GraphError, match="write parentheses"):
        _ = drawn & True
    with pytest.raises(GraphError, match="write parentheses"):
        _ = False | drawn


def test_says_what_it_needs_and_shows_itself() -> None:
    class Node(Expr):
        def upstream(self) -> Any:
            yield "parse"

    drawn = ~((ParamRef("a") == [Node()]) & (ParamRef("b") > 2))
    assert list(needs(drawn)) == ["parse"]
    assert repr(condition(ParamRef("a") >= 2) | ParamRef("b")) == "((a >= 2) | b)"
    assert repr(~(ParamRef("a") != 2)) == "~(a != 2)"
    assert repr(condition({"type": ["x"]})) == "{'type': ['x']}"
    assert repr(condition(ParamRef("a"))) == "a"
