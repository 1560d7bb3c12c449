"""Where boxes and frames stand: nothing overlaps, each frame holds its own."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from triphammer.service.web.drawing import Box, Frame, draw

GROUPS = [[], ["a"], ["a", "a.b"], ["c"], ["c", "c.b"]]


def node(name: str, *upstream: str, groups: list[str] | None = None, role: str = "") -> Any:
    inner = groups or []
    full = f"{inner[-1]}.{name}" if inner else name
    return {
        "name": full,
        "upstream": list(upstream),
        "groups": inner,
        "role": role,
        "when": None,
    }


@st.composite
def graphs(draw: st.DrawFn) -> list[Any]:
    nodes: list[Any] = []
    for i in range(draw(st.integers(1, 14))):
        names = [one["name"] for one in nodes]
        up = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        nodes.append(node(f"n{i}", *up, groups=draw(st.sampled_from(GROUPS))))
    return nodes


def apart(one: Box | Frame, other: Box | Frame) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def within(one: Box | Frame, frame: Frame) -> bool:
    right, bottom = one.x + one.width, one.y + one.height
    return (
        frame.x <= one.x
        and frame.y <= one.y
        and right <= frame.x + frame.width
        and bottom <= frame.y + frame.height
    )


@settings(max_examples=60)
@given(graphs())
def test_boxes_and_frames_never_overlap_and_frames_hold_their_own(nodes: list[Any]) -> None:
    drawn = draw(nodes, {})
    boxes = {box.name: box for box in drawn.boxes}
    assert all(apart(*pair) for pair in combinations(drawn.boxes, 2))
    for frame in drawn.frames:
        for one in nodes:
            box = boxes[one["name"]]
            inside = frame.name in one["groups"]
            assert within(box, frame) if inside else apart(box, frame)
    for one in nodes:
        for up in one["upstream"]:
            assert boxes[up].x + boxes[up].width < boxes[one["name"]].x
    everything = Frame("", 0, 0, drawn.width, drawn.height)
    assert all(within(box, everything) for box in drawn.boxes)
    assert all(within(frame, everything) for frame in drawn.frames)


def test_names_within_groups_are_short_and_roles_are_told() -> None:
    work = [node("w1", groups=["g"]), node("w2", "g.w1", groups=["g"])]
    drawn = draw([*work, node("undo", "g.w1", "g.w2", role="teardown")], {})
    assert [box.label for box in drawn.boxes] == ["w1", "w2", "undo"]
    assert drawn.boxes[2].note == "teardown, pending"
    assert len(drawn.lines) == 2  # a teardown is drawn behind the last of what it waits for


def test_a_graph_that_is_not_looked_at_in_a_run_tells_what_its_nodes_are() -> None:
    plain = {**node("parse"), "kind": "task", "mapped": False}
    mapped = {**node("load", "parse", role="teardown"), "kind": "publish", "mapped": True}
    boxes = draw([plain, mapped], None).boxes
    assert [(box.state, box.note) for box in boxes] == [
        ("", ""),
        ("", "teardown, publish, for each item"),
    ]
