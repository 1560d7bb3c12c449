from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.nesting import deeper_than

VALUES: Any = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=1), inner, max_size=3)
        | st.dictionaries(st.text(max_size=1), inner, max_size=2).map(MappingProxyType)
    ),
)


def depth(value: Any) -> int:
    if isinstance(value, (dict, MappingProxyType)):
        return 1 + max(map(depth, value.values()), default=0)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] - any value
    if isinstance(value, (list, tuple)):
        return 1 + max(map(depth, value), default=0)  # pyright: ignore[reportUnknownArgumentType] - any value
    return 0


@given(VALUES, st.integers(0, 6))
def test_it_is_as_deep_as_counting_says(value: Any, levels: int) -> None:
    assert deeper_than(levels, value) is (depth(value) > levels)


@pytest.mark.parametrize("levels", [0, 1, 1000])
def test_what_never_ends_is_deeper(levels: int) -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert deeper_than(levels, circle)
