"""The result of a run, or of a body inside it: what the body returned, filled in."""

from __future__ import annotations

from typing import Any

from triphammer.flows.codec import encode, to_json
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.run_scope import NOTHING, RunScope
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.expr import resolve
from triphammer.flows.journal import Encoded


def run_result(plan: Plan, scope: RunScope) -> Encoded | None:
    """The stored form of what the flow returns; None when it returns nothing.

    A task's result is taken over as it is stored. Anything put together is for showing: it
    is stored as plain JSON where JSON can hold it. Raises what evaluating it raises.
    """
    if plan.result is None:
        return None
    if plan.whole is not None:
        stored = scope.results.get(plan.whole)
        return stored if isinstance(stored, Encoded) else None
    value: Any = resolve(plan.result, scope)
    try:
        return Encoded("json", to_json(value, "the flow's result"))
    except ValueMisfit:
        return encode(value, Any, scope.artifacts, name="the flow's result")


def body_result(plan: Plan, scope: RunScope, name: str) -> Encoded:
    """The stored form of what the body of item or turn `name` gives to those behind it.

    Raises `ValueMisfit` for what would come back changed, and what evaluating it raises.
    """
    if plan.whole is not None:
        stored = scope.results.get(plan.whole)
        return stored if isinstance(stored, Encoded) else NOTHING
    value: Any = resolve(plan.result, scope)
    return encode(value, Any, scope.artifacts, name=f"the result of {name}")
