"""Topological order against a search through all orders."""

from __future__ import annotations

from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from triphammer.flows.ordering import find_circle, topological_order

Graph = dict[str, set[str]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = [chr(ord("a") + i) for i in range(draw(st.integers(0, 5)))]
    some = st.sets(st.sampled_from(names)) if names else st.just(set[str]())
    return {name: draw(some) for name in names}


def respects(order: tuple[str, ...], graph: Graph) -> bool:
    return all(graph[name] <= set(order[:at]) for at, name in enumerate(order))


@given(graphs())
def test_is_the_first_of_all_orders_that_are_right(graph: Graph) -> None:
    """`permutations` gives them sorted by rank: the first right one is the wanted one."""
    right = next((o for o in permutations(graph) if respects(o, graph)), None)
    found = topological_order(graph)
    assert found == (None if right is None else list(right))


@given(graphs())
def test_a_circle_is_found_exactly_where_no_order_exists(graph: Graph) -> None:
    circle = find_circle(graph)
    assert bool(circle) == (topological_order(graph) is None)
    for before, after in pairwise(circle):
        assert before in graph[after]
    if circle:
        assert circle[0] == circle[-1]
        assert len(set(circle)) == len(circle) - 1


def test_without_edges_the_order_of_drawing_stays() -> None:
    assert topological_order({"b": set(), "a": set(), "c": set()}) == ["b", "a", "c"]
