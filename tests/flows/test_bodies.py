"""Bodies as they are drawn: mapped flows and loops, and their misuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.support import FIRST_LINE, load_error, load_text
from triphammer.flows.graph import FlowDef

HEAD = """\
from triphammer import group, loop
@task
def a(x: int = 0) -> int: ...
@task
def b(x: int, y: int) -> int: ...
@task
def none() -> None: ...
@flow
def inner(n: int, more: int = 0): return a(b(n, more))
@flow
def again(n: int): return again.map([n])
@task
def maybe(x: int | None) -> int: ...
leaked = []
"""
BODY_LINE = FIRST_LINE + HEAD.count("\n") + 2


def drawn(root: Path, *lines: str) -> FlowDef:
    body = "".join(f"    {line}\n" for line in lines)
    found = load_text(root, f"{HEAD}@flow\ndef one(n: int = 1):\n{body}")
    errors = [str(error) for error in found.errors if "again" not in str(error)]
    assert not errors
    return found.flows["one"]


def error(root: Path, *lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    head = "\n".join(line for line in HEAD.split("\n") if "again" not in line).replace(
        "@flow\n@task", "@task"
    )
    return str(load_error(root, f"{head}@flow\ndef one(n: int = 1):\n{body}"))


def test_a_body_is_inside_its_owner_which_waits_for_what_it_uses(tmp_path: Path) -> None:
    flow = drawn(tmp_path, "x = a()", "y = a()", "inner.partial(more=x).map([1, n]) << y")
    owner = flow.graph.nodes["inner"]
    assert list(flow.graph.nodes) == ["a", "a_2", "inner"]
    assert (set(owner.upstream), owner.mapped) == ({"a", "a_2"}, True)
    assert owner.body is not None
    assert {name: node.upstream for name, node in owner.body.nodes.items()} == {
        "inner[]/b": (),
        "inner[]/a": ("inner[]/b",),
    }
    assert owner.body.nodes["inner[]/a"].groups == ("inner[]",)


def test_what_is_used_two_bodies_deep_is_waited_for_outside(tmp_path: Path) -> None:
    flow = drawn(
        tmp_path,
        "x = a()",
        "def body(last):",
        "    with group('g'):",
        "        return loop(lambda l: b(l, x), last, until=lambda l: l > x, max=3)",
        "loop(body, 1, max=2)",
    )
    outer = flow.graph.nodes["body"]
    assert outer.upstream == ("a",)
    assert outer.body is not None
    (inner,) = outer.body.nodes.values()
    assert (inner.name, inner.upstream) == ("body[]/g.loop", ())
    assert inner.groups == ("body[]", "body[]/g")
    assert inner.body is not None
    assert list(inner.body.nodes) == ["body[]/g.loop[]/b"]
    assert [node.name for node in flow.graph.every()] == [
        "a",
        "body",
        "body[]/g.loop",
        "body[]/g.loop[]/b",
    ]


def test_a_loop_over_a_task_has_no_body(tmp_path: Path) -> None:
    flow = drawn(tmp_path, "loop(a.options(retries=2), n, until=lambda l: l > 3)")
    node = flow.graph.nodes["a"]
    assert (node.body, node.mapped, node.options.retries) == (None, False, 2)
    assert node.loop is not None
    assert (node.loop.most, node.loop.takes, repr(node.loop.until)) == (None, True, "(a[] > 3)")


@pytest.mark.parametrize(
    ("body", "most", "takes", "args"),
    [
        ("loop(none, max=3)", 3, False, 0),
        ("loop(a, max=3)", 3, True, 0),
        ("loop(maybe, max=3)", 3, True, 1),
        ("loop(b.partial(y=2), 1, max=3)", 3, True, 1),
    ],
)
def test_what_the_first_turn_is_given(
    tmp_path: Path, body: str, most: int, takes: bool, args: int
) -> None:
    (node,) = drawn(tmp_path, body).graph.nodes.values()
    assert node.loop is not None
    assert (node.loop.most, node.loop.takes, len(node.args)) == (most, takes, args)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("loop(a)", "loop() never ends: give until= or max="),
        ("loop(a, max=0)", "max=0: must be a whole number, 1 or more"),
        ("loop(a, max=1, on_max='skip')", "on_max='skip': must be 'fail' or 'last'"),
        ("loop(a(), max=1)", "it takes a task (not called), a flow or a function"),
        ("loop(3, max=1)", "it takes a task (not called), a flow or a function"),
        ("loop(a, 1, 2, max=1)", "takes one first value"),
        ("loop(b, 1, max=1)", "is given the last result and needs x, y: fix the others"),
        ("loop(none, 1, max=1)", "takes nothing, so that loop(...) has no use for a first value"),
        ("loop(b.partial(y=1), max=1)", "needs a value for its first turn"),
        ("loop(a, until=n > 3)", "until= takes a function of the last result"),
        ("loop(a, until=lambda l: True)", "until=True is a plain value"),
        ("loop(a, until=lambda l: len(l) > 3)", "so len() cannot use it here"),
        ("loop(a, until=lambda l: a(1) > 3)", "until= compares the last result and draws no tasks"),
        ("loop.options(name='x')(a, max=1)", "the options of a loop over a task stand at the task"),
        ("loop(lambda l: leaked.append(a(l)), 1, max=2); a(leaked.pop())", "only in the body of"),
        ("loop(lambda l: leaked.append(l), 1, max=2); a(leaked.pop())", "only in the body of"),
        ("loop(lambda l: leaked.append(a(l)), 1, max=2); a() << leaked.pop()", "only in the body"),
        ("inner.map()", "needs something to map over"),
        ("inner.map(3)", "it maps over a list, a tuple, a range or a handle"),
        ("inner.map([1], [2], [3])", "too many positional arguments"),
        ("inner.partial(x=1).map([1])", "inner() has no argument 'x'"),
        ("inner.options(retries=3).map([1])", "a mapped flow has no option 'retries'"),
        ("a.options(setup=lambda: inner.map([1]))()", "setup= takes one task"),
    ],
)
def test_misuse_is_a_load_error(tmp_path: Path, body: str, message: str) -> None:
    assert message in error(tmp_path, body)


def test_a_flow_that_maps_itself_is_a_circle(tmp_path: Path) -> None:
    found = load_text(tmp_path, HEAD)
    assert ["a flow calls itself: again -> again" in str(e) for e in found.errors] == [True]


def test_outside_a_body_they_say_where_they_belong(tmp_path: Path) -> None:
    for line in ("loop(a, max=1)", "inner.map([1])"):
        text = HEAD.replace("def again(n: int): return again.map([n])", "def again(): ...") + line
        assert "belongs in a flow body" in str(load_error(tmp_path, text + "\n"))
