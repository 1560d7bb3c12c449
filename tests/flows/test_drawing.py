"""What a flow body draws: names, edges, order, sub-flows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.support import FIRST_LINE, KnownScope, an_event, load_error, load_text
from triphammer.flows.errors import CycleError, GraphError
from triphammer.flows.expr import resolve
from triphammer.flows.graph import FlowDef

TASKS = """
@task
def a(x=0): ...

@task
def b(x=0): ...

@task
def c(x=0): ...

@task
def many(xs=(), *, more=None): ...

"""
LINE = FIRST_LINE + TASKS.lstrip("\n").count("\n") + 2


def draw(root: Path, *lines: str, before: str = "") -> FlowDef:
    found = load_text(root, written(*lines, before=before))
    assert not found.errors, [str(error) for error in found.errors]
    return found.flows["sample"]


def written(*lines: str, before: str = "") -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"{TASKS}{before}@flow\ndef sample(event, n: int = 1):\n{body}"


def edges(flow: FlowDef) -> dict[str, set[str]]:
    return {name: set(node.upstream) for name, node in flow.graph.nodes.items()}


def test_calls_are_named_after_their_task(tmp_path: Path) -> None:
    flow = draw(tmp_path, "a(); a(); b(); a.options(name='last')(); a()")
    assert list(flow.graph.nodes) == ["a", "a_2", "b", "last", "a_3"]


def test_a_number_that_is_taken_is_passed_over(tmp_path: Path) -> None:
    flow = draw(tmp_path, "a.options(name='a_2')(); a(); a()")
    assert list(flow.graph.nodes) == ["a_2", "a", "a_3"]


def test_two_equal_explicit_names_are_an_error(tmp_path: Path) -> None:
    error = load_error(tmp_path, written("a.options(name='x')()", "b.options(name='x')()"))
    assert str(error).startswith(f"flows/sample.py:{LINE + 1}: two tasks are named 'x'")
    assert f"sample.py:{LINE}" in error.message


def test_a_tasks_own_name_may_be_used_twice(tmp_path: Path) -> None:
    flow = draw(tmp_path, "d(); d()", before="@task(name='deploy')\ndef d(): ...\n")
    assert list(flow.graph.nodes) == ["deploy", "deploy_2"]


def test_handles_are_found_inside_containers_and_conditions(tmp_path: Path) -> None:
    flow = draw(
        tmp_path,
        "x, y, z = a(), b(), c()",
        "many([x, (y['k'], 1)], more={'z': z.get('q', x)})",
        "c.options(when=(x > 1) & ~(y == n))(event.data[x])",
    )
    assert edges(flow)["many"] == {"a", "b", "c"}
    assert flow.graph.nodes["many"].data == ("a", "b", "c")
    assert edges(flow)["c_2"] == {"a", "b"}
    assert flow.graph.nodes["c_2"].data == ("a",)


@pytest.mark.parametrize(
    "lines",
    [
        "x >> [y, z] >> w",
        "w << [y, z] << x",
        "x >> y; x >> z; [y, z] >> w",
        "chain(x, [y, z], w)",
        "x >> y >> w; z << x; w << z",
        "[y, z] << x; (y, z) >> w",
        "chain(x['k'], y, w); chain(x, z, w)",
    ],
)
def test_every_spelling_of_an_order_draws_the_same(tmp_path: Path, lines: str) -> None:
    if lines.startswith("w << [y, z] << x"):
        lines = "w << [y, z]; [y, z] << x"
    flow = draw(tmp_path, "x, y, z, w = a(), b(), c(), many()", lines)
    assert edges(flow) == {"a": set(), "b": {"a"}, "c": {"a"}, "many": {"b", "c"}}
    assert flow.graph.nodes["many"].data == ()


def test_two_lists_in_a_chain_go_pair_by_pair(tmp_path: Path) -> None:
    flow = draw(tmp_path, "chain([a(), b()], [c(), many()])")
    assert edges(flow) == {"a": set(), "b": set(), "c": {"a"}, "many": {"b"}}
    error = load_error(tmp_path, written("chain([a()], [b(), c()])"))
    assert "lists of 1 and 2 tasks" in error.message


@pytest.mark.parametrize("line", ["a() >> 3", "chain(a(), b)", "b >> a()", "a() << 'x'"])
def test_only_task_calls_can_be_ordered(tmp_path: Path, line: str) -> None:
    error = load_error(tmp_path, written(line))
    assert str(error).startswith(f"flows/sample.py:{LINE}: ")
    assert "cannot be ordered" in error.message


def test_a_circle_names_its_tasks(tmp_path: Path) -> None:
    error = load_error(tmp_path, written("x = a()", "y = b(x)", "z = c(y)", "z >> x", "a()"))
    assert isinstance(error, CycleError)
    assert str(error).startswith(f"flows/sample.py:{LINE + 3}: ")
    circle = error.message.partition("circle: ")[2].partition(";")[0].split(" -> ")
    assert circle[0] == circle[-1]
    assert set(circle) == {"a", "b", "c"}


def test_a_task_that_waits_for_itself_is_a_circle(tmp_path: Path) -> None:
    error = load_error(tmp_path, written("x = a()", "x >> x"))
    assert "a -> a" in error.message


def test_nodes_come_after_what_they_wait_for(tmp_path: Path) -> None:
    flow = draw(tmp_path, "x, y, z = a(), b(), c()", "z >> y >> x")
    assert list(flow.graph.nodes) == ["c", "b", "a"]


def test_a_handle_of_another_flow_is_refused(tmp_path: Path) -> None:
    before = "kept = []\n@flow\ndef other(): kept.append(a())\n"
    text = written("b(kept[0])", before=before).replace(
        "    b(kept[0])", "    other.graph\n    b(kept[0])"
    )
    error = load_error(tmp_path, text)
    assert "the handle of 'a' was drawn by another flow" in error.message
    text = written("other.graph", "b() >> kept[0]", before=before)
    assert "belong to different flows" in load_error(tmp_path, text).message


SUB = """
@flow
def sub(event, m: int, k: int = 2):
    x = a(m)
    y = b.options(name="second")(event.data)
    x >> y
    return {"x": x, "y": [y, k], "m": m}

"""


def test_a_sub_flow_is_drawn_below_its_name(tmp_path: Path) -> None:
    flow = draw(tmp_path, "first = a()", "s = sub(first, k=n)", "c(s['x'])", before=SUB)
    assert edges(flow) == {
        "a": set(),
        "sub/a": {"a"},
        "sub/second": {"sub/a"},
        "c": {"sub/a"},
    }


def test_what_a_sub_flow_returns_is_a_value(tmp_path: Path) -> None:
    flow = draw(
        tmp_path,
        "s = sub(m=5)",
        "return [s, s['x'], s['m'], s['y'][1], s.get('none', 8), s['y'][0]]",
        before=SUB,
    )
    scope = KnownScope({"sub/a": 1, "sub/second": 2}, event=an_event({}))
    whole = {"x": 1, "y": [2, 2], "m": 5}
    assert resolve(flow.graph.result, scope) == [whole, 1, 5, 2, 8, 2]


def test_a_part_of_a_sub_flows_list_waits_for_that_part_only(tmp_path: Path) -> None:
    before = "@flow\ndef sub(): return [a(), b()]\n"
    flow = draw(tmp_path, "s = sub()", "c(s[0])", "c(s[-1])", "c(s[7])", before=before)
    found = edges(flow)
    assert (found["c"], found["c_2"], found["c_3"]) == ({"sub/a"}, {"sub/b"}, {"sub/a", "sub/b"})


def test_a_sub_flow_is_ordered_as_a_whole(tmp_path: Path) -> None:
    flow = draw(tmp_path, "a() >> sub(1) >> c()", before=SUB)
    assert edges(flow) == {
        "a": set(),
        "sub/a": {"a"},
        "sub/second": {"sub/a"},
        "c": {"sub/second"},
    }


def test_sub_flows_are_numbered_and_nest(tmp_path: Path) -> None:
    before = SUB + "@flow\ndef outer(): sub(1); sub(2); a()\n"
    flow = draw(tmp_path, "outer(); sub(3); outer()", before=before)
    assert list(flow.graph.nodes) == [
        f"{prefix}{name}"
        for prefix in ("outer/sub/", "outer/sub_2/", "outer/", "sub/", "outer_2/sub/",
                       "outer_2/sub_2/", "outer_2/")
        for name in (("a",) if prefix.startswith("outer") and "sub" not in prefix
                     else ("a", "second"))
    ]  # fmt: skip


def test_the_event_can_be_handed_to_a_sub_flow(tmp_path: Path) -> None:
    flow = draw(tmp_path, "sub(event, 1); sub(1, event=event)", before=SUB)
    scope = KnownScope(event=an_event({"z": 1}))
    for name in ("sub/second", "sub_2/second"):
        assert resolve(flow.graph.nodes[name].args, scope) == ({"z": 1},)


def test_a_flow_that_calls_itself_is_a_circle(tmp_path: Path) -> None:
    before = "@flow\ndef other(): sample()\n"
    error = load_text(tmp_path, written("other()", before=before)).errors[0]
    assert isinstance(error, CycleError)
    assert "a flow calls itself: other -> sample -> other" in error.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sub()", "missing a required argument: 'm'"),
        ("sub(1, mm=2)", "sub() has no argument 'mm': did you mean"),
        ("sub(a)", "is passed without a call"),
    ],
)
def test_arguments_of_a_sub_flow_are_checked(tmp_path: Path, line: str, message: str) -> None:
    error = load_error(tmp_path, written(line, before=SUB))
    assert message in error.message
    assert error.line == LINE + SUB.count("\n")


def test_an_error_in_the_body_is_shown_where_it_was_raised(tmp_path: Path) -> None:
    before = "def helper():\n    raise KeyError('k')\n"
    error = load_error(tmp_path, written("helper()", before=before))
    assert type(error) is GraphError
    assert str(error) == f"flows/sample.py:{LINE - 1}: the body of sample raised KeyError: 'k'"
