"""Faults of versions and reloads, put there on purpose: see `planted`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.chaos.launcher import patch

Around = Callable[..., Any]


def no_second_look() -> None:
    """What was read is taken for whole, though a file was saved between two reads."""
    from triphammer.flows.snapshot import Snapshot

    def around(original: Around) -> Around:
        def holds(self: Any) -> bool:
            return True

        return holds

    patch(Snapshot, "holds", around)


def broken_flows_go() -> None:
    """A flow whose file is broken serves no more."""
    from triphammer.service import loading

    def around(original: Around) -> Around:
        def fit(found: Any, last: Mapping[str, Any]) -> Any:
            return original(found, {})

        return fit

    patch(loading, "_fit", around)


def late_imports_forgotten() -> None:
    """What a task imports while it runs is in no version."""
    import ast

    from triphammer.flows import project

    def around(original: Around) -> Around:
        def imports(module: Any) -> Iterator[str]:
            tree = ast.parse(module.source)
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    node.body = [ast.Pass()]
            source = ast.unparse(tree)
            yield from original(project.module_source(module.path, module.file, source))

        return imports

    patch(project, "_imports", around)


def sensors_begun_anew() -> None:
    """A reload stops and starts every sensor."""
    from triphammer.service.supervisor import Supervisor

    def around(original: Around) -> Around:
        async def apply(self: Any, specs: Mapping[str, Any]) -> None:
            await original(self, {})
            await original(self, specs)

        return apply

    patch(Supervisor, "_apply", around)


PLANTED_IN_RELOADS = (
    no_second_look,
    broken_flows_go,
    late_imports_forgotten,
    sensors_begun_anew,
)
