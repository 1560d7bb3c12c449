"""Random patterns over random events, against the oracle; and what an index relies on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.patterns import oracle
from triphammer.config.patterns import Clause, compile_pattern, values_at
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers

Table = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.text("abA.", max_size=4) | st.sampled_from(["10.0.0.7", "10.9.0.1", "::1"])
NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -0.0])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
LEAVES = SCALARS | st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3)
DATA = st.recursive(
    LEAVES, lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner, max_size=3), max_leaves=12
)
FOLDED = TEXTS.map(lambda text: {"equals-ignore-case": text})
WILD = st.text("abA.*", max_size=4).map(lambda text: text.replace("**", "*"))
SIGNS = st.sampled_from(["<", "<=", "=", ">=", ">"])
BOUND = st.tuples(SIGNS, NUMBERS).map(list)


def operator(name: str, operand: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return operand.map(lambda value: {name: value})


def one_or_several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=2)


TEXT_TESTS = (
    operator("prefix", TEXTS)
    | operator("suffix", TEXTS)
    | operator("wildcard", WILD)
    | operator("equals-ignore-case", TEXTS)
)
MEMBERS = (
    SCALARS
    | TEXT_TESTS
    | operator("prefix", FOLDED)
    | operator("suffix", FOLDED)
    | operator("anything-but", one_or_several(SCALARS.filter(lambda v: v is not None)))
    | operator("anything-but", operator("prefix", one_or_several(TEXTS)))
    | operator("anything-but", operator("wildcard", one_or_several(WILD)))
    | operator("numeric", BOUND | st.tuples(BOUND, BOUND).map(lambda two: two[0] + two[1]))
    | operator("exists", st.booleans())
    | operator("cidr", st.sampled_from(["10.0.0.0/24", "10.0.0.0/8", "::/0"]))
)
LISTS = st.lists(MEMBERS, min_size=1, max_size=3)


def alternatives(tables: list[Table]) -> Table:
    return {"$or": tables}


def both(one: Table, other: Table) -> Table:
    return {**one, **other}


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Table]:
    table = st.dictionaries(NAMES, inner, min_size=1, max_size=2)
    return table | st.builds(both, table, st.lists(table, min_size=1, max_size=2).map(alternatives))


BELOW_DATA = LISTS | nested(LISTS) | nested(nested(LISTS))
ROOTS = st.fixed_dictionaries({}, optional={"data": BELOW_DATA, "source": LISTS, "region": LISTS})
PATTERNS: st.SearchStrategy[Table] = ROOTS.filter(bool)
EVENTS: st.SearchStrategy[Table] = st.fixed_dictionaries(
    {"data": DATA, "source": TEXTS}, optional={"region": TEXTS | NUMBERS}
)


def as_struct(event: Table) -> Event:
    return Event(
        key="evt_1",
        id="1",
        source=event["source"],
        type="t",
        data=event["data"],
        time=NOW,
        received_at=NOW,
        extensions={name: event[name] for name in ("region",) if name in event},
    )


@settings(max_examples=250)
@given(pattern=PATTERNS, event=EVENTS)
def test_a_pattern_matches_what_the_oracle_says(pattern: Table, event: Table) -> None:
    compiled = compile_pattern(pattern)
    expected = oracle.matches(pattern, event)
    assert compiled.matches(event) == expected
    assert compiled.matches(as_struct(event)) == expected
    assert (compiled.why(event) is None) == expected
    if expected:
        assert all(allows(clause, event) for clause in compiled.clauses)


def allows(clause: Clause, event: Table) -> bool:
    """What an index does with a clause: look its alternatives up among the event's values."""
    return any(allows_value(clause, value) for value in values_at(clause.path)(event))


def allows_value(clause: Clause, value: Any) -> bool:
    if value in clause.exact or (isinstance(value, str) and value.startswith(clause.prefixes)):
        return True
    return oracle.number(value) and any(low <= value <= high for low, high in clause.intervals)


@given(st.dictionaries(st.sampled_from(["X-A", "x-b"]), TEXTS, max_size=2), TEXTS)
def test_headers_are_found_whatever_the_case_of_their_names(
    headers: dict[str, str], asked: str
) -> None:
    pattern: dict[str, Any] = {"headers": {"x-A": [asked]}}
    event = {"headers": headers}
    assert compile_pattern(pattern).matches(event) == oracle.matches(pattern, event)
    assert compile_pattern(pattern).matches({"headers": Headers(headers)}) == (
        headers.get("X-A") == asked
    )
