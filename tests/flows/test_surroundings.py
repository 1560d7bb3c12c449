"""Groups, branches, pipelines, setups and handlers as they are drawn, and their misuse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.flows.support import FIRST_LINE, IMPORTS, load_error, load_text
from triphammer.flows.graph import Node

MORE = "from triphammer import ErrorInfo, branch, first_of, group, pipeline\n"
TASKS = """\
@task
def load() -> list[int]: ...
@task
def clean(rows: list[int]) -> dict[str, int]: ...
@task
def train(model: dict[str, int]) -> str: ...
@task
def two(a: int, b: int) -> None: ...
@flow
def inner(rows: list[int]): return train(clean(rows))
"""
BODY_LINE = FIRST_LINE + (MORE + TASKS).count("\n") + 2


def nodes(root: Path, body: str, head: str = "@flow\n") -> Mapping[str, Node]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    found = load_text(root, f"{MORE}{TASKS}{head}def one():\n{lines}")
    assert not found.errors, list(map(str, found.errors))
    return found.flows["one"].graph.nodes


def error(root: Path, body: str, head: str = "@flow\n") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return str(load_error(root, f"{MORE}{TASKS}{head}def one():\n{lines}"))


def upstream(drawn: Mapping[str, Node]) -> dict[str, tuple[str, ...]]:
    return {name: node.upstream for name, node in drawn.items()}


def test_a_group_prefixes_names_and_is_ordered_as_one(tmp_path: Path) -> None:
    body = """\
first = load()
with group("extract") as extract:
    rows = load()
    with group("deep"):
        clean(rows)
with group("extract") as again:
    load()
chain(first, extract, again)
with group("last"):
    inner([1])
"""
    assert upstream(nodes(tmp_path, body)) == {
        "load": (),
        "extract.load": ("load",),
        "extract.deep.clean": ("extract.load",),
        "extract_2.load": ("extract.deep.clean",),
        "last.inner/clean": (),
        "last.inner/train": ("last.inner/clean",),
    }
    drawn = nodes(tmp_path, body)
    assert [node.groups for node in drawn.values()] == [
        (),
        ("extract",),
        ("extract", "extract.deep"),
        ("extract_2",),
        ("last", "last.inner"),
        ("last", "last.inner"),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('with group("a b"): load()', "a group's name is a text without spaces"),
        ('with group("a.b"): load()', "a group's name is a text without spaces"),
        ('with group("g") as g: load()\nclean(g)', "the group 'g' is no value"),
        ('with group("g") as g: load()\nclean([{"x": g}])', "the group 'g' is no value"),
        ('with group("g") as g: load()\nclean(g["rows"])', "the group 'g' is no value"),
        ('with group("g") as g: pass\nchain(g, load())', "g has no task that could be ordered"),
        ('branch("x", {})', "it takes its ways by key"),
        ('branch("x", [load()])', "it takes its ways by key"),
        ('branch("x", {None: load()})', "a key is a text, a number or a bool"),
        ('branch("x", {"a": load})', "a way is a task call, such as load(rows)"),
        ('branch("x", {"a": load()}, default=3)', "a way is a task call, such as load(rows)"),
        ("a = load()\nbranch(clean(a), {1: a})", "wait for each other in a circle"),
        ("first_of()", "first_of() needs something to choose from"),
        ("first_of(1, load())", "it takes the results of tasks"),
        ("load.options(setup=two)()", "is called with nothing, and needs 2"),
        ("load.options(teardown=two, setup=load)()", "is called with nothing, or one value, and"),
        ("load.options(setup=inner([1]))()", "takes one task"),
        ("load.options(setup=lambda: [load(), load()])()", "takes one task"),
        ("load.options(setup=3)()", "setup=3: must be a task, a call of a task"),
        ("load.options(on_failure=load())()", "a handler is a task that is not called yet"),
        ("load.options(on_failure='alert')()", "must be a task (not called)"),
        ("load.options(on_success=two)()", "as a handler is called with nothing, or one value"),
        ("a = clean([1])\ntrain.options(teardown=a)(a)", "wait for each other in a circle"),
        (
            'xs = []\nwith group("g", setup=lambda: clean(xs[0])): xs.append(load())',
            "in a circle: g.load -> g.clean -> g.load, by setup= or teardown=",
        ),
        ("pipeline(clean, train)", "is given nothing, as it is the first and needs rows"),
        ("pipeline(load, two)", "is given the one result before it and needs a, b"),
        ("pipeline(load, load)", "takes nothing: in a pipeline each takes the result"),
        ("pipeline(load, 3)", "it takes tasks and flows, or calls of them"),
        ("pipeline(load, train)", "takes dict[str, int] as 'model', but load gives list[int]"),
        ("pipeline(load(), clean([1]))", "does not take the result of load"),
        (
            "a = load()\nb = clean(a)\npipeline(b, two(b, a))",
            "also takes the result of load: a pipeline is a strict line",
        ),
    ],
)
def test_misuse_is_a_load_error(tmp_path: Path, body: str, message: str) -> None:
    found = error(tmp_path, body)
    assert message in found
    assert f"sample.py:{BODY_LINE + body.count(chr(10))}:" in found or "circle" in found


def test_outside_a_body_they_say_where_they_belong(tmp_path: Path) -> None:
    for line in ('with group("g"): pass', "branch(1, {})", "first_of(1)", "pipeline(1)"):
        assert "belongs in a flow body" in str(load_error(tmp_path, MORE + line + "\n"))


def test_a_pipeline_calls_or_checks_its_line(tmp_path: Path) -> None:
    line = {"load": (), "clean": ("load",), "train": ("clean",)}
    assert upstream(nodes(tmp_path, "pipeline(load, clean, train)")) == line
    assert upstream(nodes(tmp_path, "pipeline(load(), clean.options(retries=2), train)")) == line
    body = "a = load()\nb = clean(a)\nc = train(b)\npipeline(a, b, c)"
    assert upstream(nodes(tmp_path, body)) == line
    drawn = nodes(tmp_path, "pipeline(load, inner)")
    assert upstream(drawn)["inner/clean"] == ("load",)


@pytest.mark.parametrize(
    ("given", "taken", "fits"),
    [
        ("str", "Path", True),
        ("int", "float", True),
        ("int | None", "str | int", True),
        ("int", "str", False),
        ("None", "int", False),
        ("None", "int | None", True),
        ("list[int]", "tuple[int, ...]", True),
        ("dict", "list", False),
        ("Any", "int", True),
    ],
)
def test_a_pipeline_refuses_what_can_never_fit(
    tmp_path: Path, given: str, taken: str, fits: bool
) -> None:
    text = f"""\
from pathlib import Path
from typing import Any
{MORE}
@task
def a() -> {given}: ...
@task
def b(x: {taken}) -> None: ...
@flow
def one():
    pipeline(a, b)
"""
    assert bool(load_text(tmp_path, text).errors) is not fits


def test_setups_and_teardowns_are_drawn_around(tmp_path: Path) -> None:
    body = """\
with group("g", setup=load, teardown=clean):
    first = load()
    train.options(trigger_rule="always")({})
"""
    drawn = nodes(tmp_path, body)
    assert {name: node.role for name, node in drawn.items() if node.role} == {
        "g.load_2": "setup",
        "g.clean": "teardown",
    }
    assert drawn["g.load"].setups == drawn["g.train"].setups == ("g.load_2",)
    assert set(drawn["g.clean"].upstream) == {"g.load_2", "g.load", "g.train"}
    assert drawn["g.clean"].options.trigger_rule == "all_done_setup_success"


def test_handlers_are_drawn_behind_and_the_flow_ends_without_them(tmp_path: Path) -> None:
    head = "@task\ndef alert(error: ErrorInfo) -> None: ...\n@flow(on_failure=alert)\n"
    drawn = nodes(tmp_path, "clean.options(on_failure=alert)(load())", head)
    assert {name: node.role for name, node in drawn.items() if node.role} == {
        "alert": "handler",
        "alert_2": "handler",
    }
    assert drawn["alert"].upstream == ("clean",)
    assert set(drawn["alert_2"].upstream) == {"load", "clean", "alert"}


def test_what_stands_around_a_node_is_not_kept_by_it(tmp_path: Path) -> None:
    drawn = nodes(tmp_path, "load.options(setup=load, teardown=load, on_success=load)()")
    for node in drawn.values():
        kept: Any = (node.options.setup, node.options.teardown, node.options.on_success)
        assert kept == ((), (), ())


def test_imports_line() -> None:
    assert IMPORTS.count("\n") + 1 == FIRST_LINE
