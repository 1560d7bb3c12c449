"""What somebody says of how a task has ended, as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from triphammer.flows.codec import convert, encode
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.values import Mark
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.graph import FlowDef, Node
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
    planned = Plan(flow).every[node]
    if planned.node.spec.kind == "approve":
        _check_answer(task, planned.node, result)
    name, annotation = f"the result of {task}", planned.returned
    value = encode(convert(result, annotation, name=name), annotation, artifacts, name=name)
    return Mark(state=state, value=value)


def _check_answer(task: str, node: Node, result: Any) -> None:
    """What stands behind an approval takes its parts. Raises `ValueMisfit`."""
    parts = {"by"} if node.kwargs["schema"] is None else {"by", "form"}
    if not isinstance(result, Mapping) or not parts <= set(cast("Mapping[str, Any]", result)):
        wanted = ", ".join(f'"{part}": ...' for part in sorted(parts))
        raise ValueMisfit(
            f"{task}: an approval gives {{{wanted}}}: say so as its result, or approve"
        )
