"""The `.where` language: what it means, what it refuses and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from triphammer.config.errors import PatternError
from triphammer.config.patterns import Clause, compile_pattern, values_at
from triphammer.sensors.event import Event
from triphammer.sensors.headers import Headers

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def event(**fields: Any) -> Event:
    given: dict[str, Any] = {"source": "s", "type": "t", "data": {}, "time": NOW}
    given.update(fields)
    return Event(key="evt_1", id="1", received_at=NOW, **given)


PUSH = event(
    source="triphammer/webhook/github",
    type="triphammer.webhook.received",
    data={"ref": "refs/heads/main", "size": 3, "commits": [{"id": "a"}, {"id": "b"}]},
    headers=Headers({"X-GitHub-Event": "push"}),
    extensions={"topic": "orders", "offset": 7},
)

HOLDS: list[dict[str, Any]] = [
    {"source": ["triphammer/webhook/github"], "type": [{"suffix": ".received"}]},
    {"data": {"ref": ["refs/heads/dev", "refs/heads/main"]}},
    {"data": {"size": [{"numeric": [">", 0, "<=", 3]}]}},
    {"data": {"commits": {"id": ["b"]}}},
    {"data": {"commits": {"id": [{"anything-but": ["a"]}]}}},
    {"data": {"absent": [{"exists": False}]}},
    {"data": {"ref": [{"exists": True}]}},
    {"data": {"ref": [{"regex": "^refs/heads/(main|dev)$"}]}},
    {"data": {"ref": [{"regex": "heads"}]}},
    {"data": {"ref": [{"prefix": {"equals-ignore-case": "REFS/"}}]}},
    {"data": {"ref": [{"anything-but": {"suffix": ["/dev", "/test"]}}]}},
    {"headers": {"x-github-event": ["push"]}},
    {"headers": {"X-GitHub-Event": ["push"]}},
    {"topic": ["orders"], "offset": [7]},
    {"subject": [{"exists": False}]},
    {"time": [{"prefix": "2026-01-31T09:30"}]},
    {"datacontenttype": ["application/json"]},
    {"$or": [{"type": ["other"]}, {"data": {"size": [3]}}], "topic": ["orders"]},
    {"data": {"$or": [{"ref": ["x"]}, {"size": [3.0]}]}},
]


@pytest.mark.parametrize("pattern", HOLDS)
def test_holds(pattern: dict[str, Any]) -> None:
    compiled = compile_pattern(pattern)
    assert compiled.matches(PUSH)
    assert compiled.why(PUSH) is None


FAILS: list[tuple[dict[str, Any], str]] = [
    (
        {"type": ["a", {"prefix": "b."}]},
        ("type is 'triphammer.webhook.received', asked for 'a' or prefix 'b.'"),
    ),
    ({"data": {"absent": [1]}}, "data.absent is missing, asked for 1"),
    ({"data": {"ref": {"deeper": [1]}}}, "data.ref.deeper is missing, asked for 1"),
    ({"data": {"commits": {"id": ["x"]}}}, "data.commits.id is 'a', 'b', asked for 'x'"),
    (
        {"data": [{"exists": True}]},
        ("data is an object (patterns ask for the values in it), asked for any value"),
    ),
    ({"data": {"size": [True]}}, "data.size is 3, asked for True"),
    (
        {"data": {"size": [{"cidr": "0.0.0.0/0"}]}},
        ("data.size is 3, asked for an address in 0.0.0.0/0"),
    ),
    ({"subject": ["x"]}, "subject is missing, asked for 'x'"),
    ({"headers": {"x-absent": ["x"]}}, "headers.x-absent is missing, asked for 'x'"),
    (
        {"$or": [{"type": ["a"]}, {"topic": ["b"]}]},
        (
            "none of $or: type is "
            "'triphammer.webhook.received', asked for 'a'; topic is 'orders', asked for 'b'"
        ),
    ),
    ({"source": [{"regex": "^x"}], "topic": ["x"]}, "topic is 'orders', asked for 'x'"),
]


@pytest.mark.parametrize(("pattern", "why"), FAILS)
def test_says_the_clause_that_failed(pattern: dict[str, Any], why: str) -> None:
    compiled = compile_pattern(pattern)
    assert not compiled.matches(PUSH)
    assert compiled.why(PUSH) == why


def test_many_and_long_values_are_cut_in_the_explanation() -> None:
    why = compile_pattern({"data": [0]}).why(event(data=["x" * 5000, 1, 2, 3]))
    assert why is not None
    assert why.endswith("xxx', 1, 2, ..., asked for 0")
    assert len(why) < 200


def nested(name: str, levels: int) -> Any:
    pattern: Any = {"type": ["x"]}
    for _ in range(levels):
        pattern = {name: [pattern] if name == "$or" else pattern}
    return pattern


REFUSED: list[tuple[Any, str]] = [
    ({"tpye": ["x"]}, "there is no 'tpye' at the root of an event; did you mean type?"),
    ({"Headers": {"a": ["x"]}}, "did you mean headers?"),
    ({"my_name": ["x"]}, "there is no 'my_name' at the root of an event: there are id, "),
    ({"extensions": {"topic": ["x"]}}, "name an extension attribute itself, at the root"),
    ({"specversion": ["1.0"]}, "leave it out"),
    ({"type": "x"}, "type: values are always lists; write ['x']"),
    ({"data": {"n": {"numeric": [">", 0]}}}, "write [{'numeric': ['>', 0]}]"),
    ({"source": {"prefix": "a"}}, "write [{'prefix': 'a'}]"),
    ({"source": {"a": ["b"]}}, "source is a plain value"),
    ({"headers": {"x": {"y": ["z"]}}}, "headers.x is a plain value"),
    ({"headers": ["x"]}, "headers are an object"),
    ({"type": []}, "type: an empty list would never match"),
    ({"data": {}}, "data is empty"),
    ({}, "the pattern is empty"),
    ([], "the pattern must be a mapping"),
    ({"data": {1: ["x"]}}, "data: names are text, got 1"),
    ({"$or": []}, "$or takes a list of patterns"),
    ({"data": {"$or": [{"a": [1]}, 2]}}, "data.$or[1] must be a mapping, got 2"),
    ({"type": [{"prefx": "x"}]}, "type: there is no operator 'prefx'; did you mean prefix?"),
    ({"type": [{"zzz": "x"}]}, "there is no operator 'zzz'; known are prefix, "),
    ({"type": [{"prefix": "x", "suffix": "y"}]}, "got 'prefix', 'suffix'; several in the list"),
    ({"type": [{}]}, "got none"),
    ({"type": [{"prefix": 1}]}, "type.prefix takes text, got 1"),
    ({"type": [{"suffix": {"prefix": "x"}}]}, "takes text or equals-ignore-case, got 'prefix'"),
    ({"type": [["x"]]}, "type: ['x'] is neither text, number, true, false, null nor an operator"),
    ({"data": {"n": [float("nan")]}}, "nan is no number"),
    ({"type": [{"anything-but": []}]}, "type.anything-but is empty"),
    ({"type": [{"anything-but": {"numeric": ["=", 1]}}]}, "takes values or one of prefix, "),
    ({"type": [{"anything-but": {"wildcard": [1]}}]}, "type.anything-but.wildcard takes text"),
    ({"data": {"n": [{"numeric": [">"]}]}}, 'data.n.numeric takes ["<", 10]'),
    ({"data": {"n": [{"numeric": ["!", 1]}]}}, 'takes ["<", 10]'),
    ({"data": {"n": [{"numeric": [">", True]}]}}, 'takes ["<", 10]'),
    ({"data": {"n": [{"numeric": [[], 1]}]}}, 'takes ["<", 10]'),
    ({"data": {"n": [{"numeric": [">", float("inf")]}]}}, 'takes ["<", 10]'),
    ({"data": {"n": [{"numeric": 5}]}}, 'takes ["<", 10]'),
    ({"data": {"n": [{"exists": "yes"}]}}, "data.n.exists takes true or false, got 'yes'"),
    ({"data": {"n": [{"cidr": "10.0.0.0/99"}]}}, "data.n.cidr: "),
    ({"data": {"n": [{"regex": "("}]}}, "data.n.regex: '(' is no regular expression: "),
    ({"data": {"n": [{"regex": "(" * 5000}]}}, "is no regular expression: "),
    ({"data": {"n": [{"regex": "x{99999999999}"}]}}, "is no regular expression: "),
    (nested("data", 500), "the pattern nests more than 100 lists and mappings"),
    (nested("$or", 500), "the pattern nests more than 100 lists and mappings"),
    ({"data": {"n" * 9999: ["x", []]}}, "nnn: [] is neither text"),
    ({"x" * 9999 + ".": ["x"]}, "at the root of an event"),
    ({"data": {"n": [{"prefix": list(range(9999))}]}}, "data.n.prefix takes text, got [0, 1,"),
]


@pytest.mark.parametrize(("pattern", "message"), REFUSED)
def test_refuses_with_path_and_cure(pattern: Any, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 700


def test_a_key_of_the_data_may_be_named_like_an_operator() -> None:
    pattern = compile_pattern({"data": {"rule": {"prefix": ["a"]}}})
    assert pattern.matches(event(data={"rule": {"prefix": "a"}}))


def test_a_wildcard_takes_stars_and_escapes() -> None:
    for text, value, expected in [
        ("a*c", "abbc", True),
        ("a*c", "abcd", False),
        (r"a\*c", "a*c", True),
        (r"a\*c", "abc", False),
        (r"a\\*", r"a\b", True),
        ("*\n*", "a\nb", True),
        ("a.c", "abc", False),
        ("a\\", "a\\", True),
    ]:
        pattern = compile_pattern({"data": [{"wildcard": text}]})
        assert pattern.matches(event(data=value)) is expected, (text, value)


def test_a_wildcard_never_goes_back() -> None:
    """The number of ways to share out the letters has fifteen digits."""
    pattern = compile_pattern({"data": [{"wildcard": "*x" * 20 + "*y"}]})
    assert not pattern.matches(event(data="x" * 60))
    assert pattern.matches(event(data="x" * 60 + "y"))


def test_any_whole_number_is_a_bound() -> None:
    large = compile_pattern({"data": [{"numeric": [">", 10**5000]}]})
    assert not large.matches(event(data=1e308))
    assert large.why(event(data=1)) is not None


def test_addresses_of_the_other_family_are_outside() -> None:
    pattern = compile_pattern({"data": [{"cidr": "10.0.0.0/8"}]})
    assert pattern.matches(event(data="10.1.2.3"))
    assert not pattern.matches(event(data="::1"))
    assert not pattern.matches(event(data="no address"))


def test_null_is_a_value_and_a_missing_key_is_none() -> None:
    null = compile_pattern({"data": {"a": [None]}})
    assert null.matches(event(data={"a": None}))
    assert not null.matches(event(data={}))
    assert compile_pattern({"data": {"a": [{"exists": True}]}}).matches(event(data={"a": None}))
    assert not compile_pattern({"data": {"a": [{"exists": True}]}}).matches(event(data={"a": []}))
    assert compile_pattern({"data": [None]}).matches(event(data=None))


def test_deeply_nested_arrays_are_walked_without_recursion() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    assert compile_pattern({"data": {"a": ["x"]}}).matches(event(data={"a": deep}))
    assert not compile_pattern({"data": {"a": {"b": ["x"]}}}).matches(event(data={"a": deep}))


@dataclass
class Line:
    sku: str


class Order(msgspec.Struct):
    lines: list[Line]
    at: datetime


class Model(BaseModel):
    order: Any


def test_typed_data_is_walked_by_its_fields() -> None:
    at = datetime(2026, 1, 31, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    typed = event(data=Model(order=Order(lines=[Line("a"), Line("b")], at=at)))
    assert compile_pattern({"data": {"order": {"lines": {"sku": ["b"]}}}}).matches(typed)
    assert compile_pattern({"data": {"order": {"at": ["2026-01-31T09:30:00Z"]}}}).matches(typed)
    assert not compile_pattern({"data": {"order": [{"exists": True}]}}).matches(typed)
    assert not compile_pattern({"data": {"order": {"real": [1]}}}).matches(typed)


def test_values_that_are_no_json_are_opaque() -> None:
    odd = event(data={"a": bytearray(b"x"), "b": b"x"})
    assert not compile_pattern({"data": {"a": ["x"]}}).matches(odd)
    assert compile_pattern({"data": {"b": [{"exists": True}]}}).matches(odd)


def test_a_mapping_may_hold_its_extensions_apart() -> None:
    shown = {"type": "t", "extensions": {"topic": "orders"}}
    assert compile_pattern({"topic": ["orders"]}).matches(shown)
    assert not compile_pattern({"topic": ["orders"]}).matches({"type": "t"})
    assert not compile_pattern({"headers": {"a": ["b"]}}).matches({"type": "t"})


def test_clauses_are_those_that_an_index_can_look_up() -> None:
    compiled = compile_pattern(
        {
            "type": ["a", {"prefix": "b."}],
            "source": ["s", {"suffix": "x"}],
            "data": {"n": [5, {"numeric": [">", 1, "<", 3]}, {"numeric": ["<=", 0]}]},
            "$or": [{"id": ["1"]}],
        }
    )
    assert set(compiled.clauses) == {
        Clause(("type",), exact=("a",), prefixes=("b.",)),
        Clause(("data", "n"), exact=(5,), intervals=((1, 3), (float("-inf"), 0))),
    }


def test_a_range_that_holds_nothing_is_no_interval() -> None:
    compiled = compile_pattern({"data": {"n": [{"numeric": [">", 3, "<", 1]}]}})
    assert compiled.clauses == ()
    assert not compiled.matches(event(data={"n": 2}))


def test_values_at_gives_each_leaf() -> None:
    assert list(values_at(("data", "commits", "id"))(PUSH)) == ["a", "b"]
    assert list(values_at(("data", "commits"))(PUSH)) == []
    assert list(values_at(("data",))(event(data=[1, [2, [None]]]))) == [1, 2, None]
