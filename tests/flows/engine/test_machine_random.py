"""Random graphs, ended in random order and killed anywhere, against an independent oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flows.engine.graphs import Driven
from tests.flows.engine.oracle import Expected, Plot, expected, flow_of, plots
from triphammer.flows.engine.maps import item_number
from triphammer.flows.journal import TaskRow
from triphammer.flows.outcomes import UPSTREAM_FAILED


def ends(run: Driven) -> Mapping[str, str]:
    """The final states, blocked tasks by that name."""
    return {
        name: "blocked" if row.error and row.error.type == UPSTREAM_FAILED else row.state
        for name, row in run.rows.items()
    }


def advance(run: Driven, graph: Mapping[str, Plot], data: st.DataObject) -> None:
    """Let one thing happen: an attempt ends, or the next retry is due."""
    choices = [*run.under_way, *(["time"] if run.later else [])]
    chosen = data.draw(st.sampled_from(choices))
    if chosen == "time":
        run.pass_time()
        return
    name, item = item_number(chosen)
    if run.under_way[chosen].attempt <= graph[name].fails[item or 0]:
        run.fail(chosen)
    else:
        run.succeed(chosen, item)
    check_windows(run, graph)


def check_windows(run: Driven, graph: Mapping[str, Plot]) -> None:
    for name, p in graph.items():
        under_way = [n for n in run.under_way if p.mapped and item_number(n)[0] == name]
        assert len(under_way) <= p.window


def check(run: Driven, wanted: Expected) -> None:
    assert run.end.state == wanted.run
    assert ends(run) == wanted.states
    for name, values in wanted.lists.items():
        assert run.machine.scope.result(name) == values
    assert (run.end.error is None) == (run.end.state == "succeeded")


@settings(max_examples=80)
@given(plots(), st.data())
def test_every_order_ends_as_the_graph_says(drawn: Sequence[Plot], data: st.DataObject) -> None:
    graph = {p.name: p for p in drawn}
    run = Driven(flow_of(drawn))
    while run.ending is None:
        advance(run, graph, data)
    check(run, expected(drawn))
    assert len(set(run.launched)) == len(run.launched)
    assert not run.under_way
    assert not run.later


@settings(max_examples=80)
@given(plots(), st.data())
def test_killed_anywhere_a_run_ends_the_same_and_repeats_nothing(
    drawn: Sequence[Plot], data: st.DataObject
) -> None:
    graph = {p.name: p for p in drawn}
    flow = flow_of(drawn)
    run, interrupted = Driven(flow), frozenset[str]()
    for _ in range(data.draw(st.integers(1, 3), label="lives")):
        steps = data.draw(st.integers(0, 15), label="steps")
        while run.ending is None and steps:
            advance(run, graph, data)
            steps -= 1
        if run.ending is not None:
            break
        rows, lost = journal(run, graph, data)
        interrupted |= lost
        settled = {row.name for row in rows if row.state in ("succeeded", "failed", "skipped")}
        run = Driven(flow, rows, now=run.now)
        assert not settled & {item_number(n)[0] for n in run.under_way if "[" not in n}
        assert not settled & set(run.under_way)
    while run.ending is None:
        advance(run, graph, data)
    check(run, expected(drawn, interrupted))


def journal(
    run: Driven, graph: Mapping[str, Plot], data: st.DataObject
) -> tuple[list[TaskRow], frozenset[str]]:
    """The rows at the kill: of attempts under way some are told of. With `at_most_once` all
    are, and those are lost."""
    rows = dict(run.rows)
    lost: set[str] = set()
    for name, launch in run.under_way.items():
        once = graph[item_number(name)[0]].once
        if once or data.draw(st.booleans(), label=f"{name} is told of"):
            rows[name] = TaskRow(name=name, state="running", attempt=launch.attempt)
        if once:
            lost.add(name)
    return list(rows.values()), frozenset(lost)
