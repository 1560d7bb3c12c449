"""What all runs of a version share, and the arguments that attempts make of it."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec
import pytest

from tests.flows.engine.graphs import Computed, Driven, Of, a_flow, a_node
from tests.flows.support import MemoryArtifacts
from triphammer.flows.engine.attempts import Call
from triphammer.flows.engine.plan import Plan
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.graph import FlowDef, Node


def plan_of(*nodes: Node, result: Any = None) -> Plan:
    return Plan(a_flow(*nodes, result=result))


def test_each_node_knows_what_waits_for_it() -> None:
    plan = plan_of(a_node("a"), a_node("b", "a"), a_node("c", "a", "b"))
    assert [planned.behind for planned in plan.nodes.values()] == [("b", "c"), ("c",), ()]


def test_where_attempts_run() -> None:
    coroutine = a_node("a")
    plain = msgspec.structs.replace(
        coroutine, name="b", spec=msgspec.structs.replace(coroutine.spec, is_async=False)
    )
    outgoing = msgspec.structs.replace(
        coroutine,
        name="c",
        spec=msgspec.structs.replace(coroutine.spec, is_async=False, kind="publish"),
    )
    chosen = a_node("d", executor="process")
    plan = plan_of(coroutine, plain, outgoing, chosen)
    found = [planned.executor for planned in plan.nodes.values()]
    assert found == ["async", "thread", "async", "process"]


def broken(_: Any) -> Any:
    raise RuntimeError


@pytest.mark.parametrize(
    ("result", "whole"),
    [
        (Of("a"), "a"),
        (Of("m"), None),
        ({"a": Of("a")}, None),
        (Computed(lambda scope: scope.result("a")["k"]), None),
        (Computed(lambda scope: scope.event), None),
        (Computed(broken), None),
        (7, None),
    ],
)
def test_a_result_that_is_just_one_tasks_is_taken_over_as_it_is(
    result: Any, whole: str | None
) -> None:
    nodes = (a_node("a"), a_node("m", mapped=True, args=([],)))
    assert plan_of(*nodes, result=result).whole == whole


# --- arguments ----------------------------------------------------------------------------


def call_of(flow: FlowDef, name: str = "a") -> Call:
    run = Driven(flow)
    return Call(run.under_way[name], run.machine.scope)


def fitting(fn: Any, *args: Any, **kwargs: Any) -> Call:
    node = a_node("a", args=args, fn=fn)
    spec = msgspec.structs.replace(node.spec, hints=get_type_hints(fn))
    return call_of(a_flow(msgspec.structs.replace(node, spec=spec, kwargs=kwargs)))


def test_arguments_are_resolved_and_made_to_fit_their_annotations() -> None:
    def fn(first: int, /, *rest: float, name: str, **more: Any) -> Any:
        return first, rest, name, more

    one = Computed(lambda _: 1)
    assert fitting(fn, one, 2, 3.5, name="n", x=[one])() == (1, (2.0, 3.5), "n", {"x": [1]})
    with pytest.raises(ValueMisfit, match="a: argument 'rest'"):
        fitting(fn, 1, "two", name="n")()
    with pytest.raises(ValueMisfit, match="a: argument 'name'"):
        fitting(fn, 1, name=5)()


def test_functions_in_c_take_what_they_are_given() -> None:
    assert call_of(a_flow(a_node("a", args=(3, 7, 5), fn=max)))() == 7


def test_the_result_is_stored_by_its_annotation() -> None:
    call = call_of(a_flow(a_node("a", returns=tuple[int, int])))
    assert call.encode((1, 2)).body == b"[1,2]"
    plain = call_of(a_flow(a_node("a")))
    with pytest.raises(ValueMisfit, match="the result of a "):
        plain.encode((1, 2))


class Odd:
    """Nothing that JSON can hold."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Odd) and other.n == self.n

    __hash__ = None  # type: ignore[assignment]


def test_a_result_that_json_cannot_hold_is_kept_as_an_artifact() -> None:
    run = Driven(a_flow(a_node("a"), result={"odd": Computed(lambda _: Odd(3))}))
    run.succeed("a")
    assert run.end.result is not None
    assert run.end.result.kind == "artifact"
    assert isinstance(run.machine.scope.artifacts, MemoryArtifacts)


def test_secrets_parameters_and_connections_are_found_at_run_time() -> None:
    run = Driven(a_flow(a_node("a")), params={"n": 5}, secrets={"TOKEN": "s3cret!"})
    scope = run.machine.scope
    assert (scope.param("n"), scope.secret("TOKEN"), scope.result("a")) == (5, "s3cret!", None)
    with pytest.raises(LookupError):
        scope.connection("nowhere")
