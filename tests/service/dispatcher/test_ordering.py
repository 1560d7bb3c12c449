from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.codec import new_event
from triphammer.sensors.headers import Headers
from triphammer.service.dispatcher.ordering import LONGEST_KEY, Ordering, order_key

NOW = 1_767_225_600_000_000


def key(path: str, data: Any = None, **attributes: Any) -> str | None:
    given: dict[str, Any] = {"source": "s", "type": "t", "data": data, "now": NOW}
    return order_key(path, new_event(id="1", **{**given, **attributes}))


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("data.customer", {"customer": "ann"}, '"ann"'),
        ("data.customer", {"customer": 7}, "7"),
        ("data.customer", {"customer": "7"}, '"7"'),
        ("data.customer", {"customer": None}, None),
        ("data.customer", {}, None),
        ("data.customer", [{"customer": 1}, {"customer": 2}], "[1,2]"),
        ("data.customer", "text", None),
        ("data.a.b", {"a": {"b": True}}, "true"),
        ("data.a", {"a": {"b": True}}, None),
    ],
)
def test_a_key_is_what_stands_at_the_path(path: str, data: Any, expected: str | None) -> None:
    assert key(path, data) == expected


def test_attributes_headers_and_extensions_can_be_keys() -> None:
    assert key("subject", subject="k1") == '"k1"'
    assert key("subject") is None
    assert key("headers.X-Tenant", headers=Headers({"x-tenant": "a"})) == '"a"'
    assert key("partition", extensions={"partition": 3}) == "3"


def test_a_long_key_is_stored_as_its_hash() -> None:
    first, second = (key("data.k", {"k": "x" * LONGEST_KEY + end}) for end in "ab")
    assert first is not None
    assert len(first) == 64
    assert first != second


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.booleans())))
def test_a_run_waits_while_another_of_its_key_holds(steps: list[tuple[str, str, bool]]) -> None:
    ordering, held = Ordering(), dict[tuple[str, str], int]()
    for flow, name, joins in steps:
        count = held.get((flow, name), 0)
        if joins:
            assert ordering.join(flow, name) is (count == 0)
            held[flow, name] = count + 1
        elif count:
            assert ordering.leave(flow, name) is (count > 1)
            held[flow, name] = count - 1


def test_it_begins_with_what_the_store_says() -> None:
    ordering = Ordering()
    ordering.load([("orders", '"a"', 2)])
    assert not ordering.join("orders", '"a"')
    assert ordering.join("orders", '"b"')
