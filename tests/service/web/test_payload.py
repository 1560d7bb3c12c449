from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.web.console.payload import (
    DEEPEST,
    LONGEST,
    MOST,
    OPEN,
    WIDE,
    Node,
    tree,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def same(text: str) -> str:
    return text


def nodes(node: Node) -> int:
    return 1 + sum(map(nodes, node.members))


def depth(node: Node) -> int:
    return 1 + max(map(depth, node.members), default=0)


def test_a_tree_tells_names_kinds_and_values() -> None:
    drawn = tree({"a": [1, None, True], "b": {"c": "<b>"}}, same)
    assert (drawn.kind, drawn.count, drawn.open) == ("map", 2, True)
    numbers, inner = drawn.members
    assert [(n.name, n.kind, n.text) for n in numbers.members] == [
        ("0", "number", "1"),
        ("1", "null", "null"),
        ("2", "flag", "true"),
    ]
    assert inner.members[0] == Node(name="c", kind="text", text="<b>")


@given(JSON)
def test_nothing_is_left_out_of_what_is_small(value: Any) -> None:
    drawn = tree(value, same)

    def whole(node: Node) -> bool:
        return node.left == 0 and all(map(whole, node.members))

    def count(item: Any) -> int:
        if isinstance(item, dict):
            return 1 + sum(map(count, item.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON
        if isinstance(item, list):
            return 1 + sum(map(count, item))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON
        return 1

    assert whole(drawn)
    assert nodes(drawn) == count(value)


def test_what_is_large_is_bounded_and_says_by_how_much() -> None:
    wide = tree(list(range(WIDE + 7)), same)
    assert (len(wide.members), wide.left) == (WIDE, 7)
    many = tree([list(range(100)) for _ in range(100)], same)
    assert nodes(many) <= MOST + 1
    assert many.left == 100 - len(many.members)
    (long,) = tree(["x" * (LONGEST + 1)], same).members
    assert len(long.text) <= LONGEST + 3


def test_what_is_deep_ends_in_a_line_and_is_closed() -> None:
    value: Any = "end"
    for _ in range(DEEPEST * 3):
        value = [value]
    drawn = tree(value, same)
    assert depth(drawn) == DEEPEST + 1
    for _ in range(OPEN):
        assert drawn.open
        drawn = drawn.members[0]
    assert not drawn.open


def test_secrets_are_hidden_in_names_and_values_also_where_a_text_is_cut() -> None:
    secret = "s3cret"

    def mask(text: str) -> str:
        return text.replace(secret, "***")

    drawn = tree({secret: secret, "long": "x" * (LONGEST // 2 - 3) + secret + "y" * LONGEST}, mask)
    assert [node.name for node in drawn.members] == ["***", "long"]
    assert drawn.members[0].text == "***"
    assert "s3" not in drawn.members[1].text
