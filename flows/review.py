"""What is not wrong in a flow but probably not meant: the warnings of `check`."""

from __future__ import annotations

from collections.abc import Iterator

from triphammer.flows.graph import FlowDef, Node


def review(flow: FlowDef) -> Iterator[str]:
    """Warnings as `file:line: message`."""
    place = f"{flow.file}:{flow.line}"
    if not flow.graph.nodes:
        yield f"{place}: {flow.name} draws no task: its runs do nothing"
    for spec, node in {node.spec.name: node for node in flow.graph.every()}.items():
        if _is_unkillable(node):
            yield (
                f"{place}: {spec} has a timeout= but runs {_where(node)}, which cannot be killed: "
                "after the timeout it goes on and keeps its place; make it `async def`, or "
                'let it run in a process: executor="process"'
            )


def _is_unkillable(node: Node) -> bool:
    in_thread = not node.spec.is_async and node.options.executor in (None, "thread")
    there = in_thread or node.options.executor == "dask"
    return node.spec.kind == "task" and there and node.options.timeout is not None


def _where(node: Node) -> str:
    return "on a Dask worker" if node.options.executor == "dask" else "in a thread"
