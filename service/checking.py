"""What `triphammer check` finds: errors, warnings and missing secrets of a project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from triphammer.config.secrets import Secrets
from triphammer.config.loading import LoadedSettings
from triphammer.flows.graph import FlowDef
from triphammer.flows.references import secret_names
from triphammer.service.loading import load


class Findings(msgspec.Struct, frozen=True):
    """The flows that load, and all that is wrong with the rest; texts are ready to print."""

    flows: tuple[str, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    missing_secrets: tuple[str, ...]


async def check_project(
    loaded: LoadedSettings, secrets: Secrets, path: Path | None = None
) -> Findings:
    """Load the project's flows, or those of `path` (a file or folder), and judge them."""
    found = await load(loaded.root, loaded.settings, last={}, path=path)
    flows = found.flows.values()
    names = sorted({name for flow in flows for name in secret_names(flow)})
    return Findings(
        flows=tuple(sorted(found.flows)),
        errors=tuple(str(error) for error in found.errors),
        warnings=(*found.warnings, *(text for flow in flows for text in _warnings(flow))),
        missing_secrets=tuple(secrets.missing(names)),
    )


def _warnings(flow: FlowDef) -> Iterator[str]:
    for node in flow.graph.nodes.values():
        plain = node.spec.kind == "task" and not node.spec.is_async
        if plain and node.options.timeout is not None:
            yield (
                f"{node.where}: {node.name} has a timeout but is a plain function: the attempt "
                "ends, the function itself goes on until it returns"
            )
