"""What somebody says of how a task has ended, as it is stored."""

from __future__ import annotations

from typing import Any

from triphammer.flows.codec import convert, encode
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.values import Mark
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import Artifacts, ErrorInfo

MARKED = "Marked"
"""The type of error in the row of a task that was marked as failed or skipped."""


def mark_of(
    flow: FlowDef, node: str, task: str, state: str, result: Any, why: str, artifacts: Artifacts
) -> Mark:
    """The mark of `task`, which is the node `node` or an item or turn of it.

    Its result must fit what the task is annotated to return. Raises `ValueMisfit`.
    """
    if state != "succeeded":
        if result is not None:
            raise ValueMisfit(f"{task}: a task that is marked {state} has no result")
        return Mark(state=state, why=ErrorInfo(MARKED, why))
    name, annotation = f"the result of {task}", Plan(flow).every[node].returned
    value = encode(convert(result, annotation, name=name), annotation, artifacts, name=name)
    return Mark(state=state, value=value)
