"""What `triphammer check` finds: errors, warnings and missing secrets of a project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from triphammer.config.loading import LoadedSettings
from triphammer.config.secrets import SecretRef, Secrets
from triphammer.flows.expr import expressions
from triphammer.flows.graph import FlowDef
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
    found = await load(loaded, last={}, path=path)
    names = sorted({name for flow in found.flows.values() for name in secret_names(flow)})
    return Findings(
        flows=tuple(sorted(found.flows)),
        errors=tuple(str(error) for error in found.errors),
        warnings=tuple(found.warnings),
        missing_secrets=tuple(secrets.missing(names)),
    )


def secret_names(flow: FlowDef) -> Iterator[str]:
    """The secrets that a flow names in its graph and in the verifiers of its webhooks."""
    for found in expressions([*flow.graph.templates(), dict(flow.fill)]):
        if isinstance(found, SecretRef):
            yield found.name
    for channel in flow.notify or ():
        yield from channel.secret_names()
    for source in flow.on:
        yield from _verifier_secrets(source.options.get("verify"))


def _verifier_secrets(verify: Any) -> Iterator[str]:
    if isinstance(verify, dict):
        yield from cast("dict[str, list[str]]", verify).get("secrets", [])
