"""What `triphammer check` finds: errors, warnings and missing secrets of a project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from triphammer.config.loading import LoadedSettings
from triphammer.config.secrets import SecretRef, Secrets
from triphammer.flows.envs.house import ENVS, EnvHouse
from triphammer.flows.errors import EnvFailed
from triphammer.flows.executors.processes.groups import Groups
from triphammer.flows.expr import expressions
from triphammer.flows.graph import FlowDef
from triphammer.service.env_builds import envs_of
from triphammer.service.loading import Loaded, load


class Findings(msgspec.Struct, frozen=True):
    """The flows that load, and all that is wrong with the rest; texts are ready to print."""

    flows: tuple[str, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    missing_secrets: tuple[str, ...]


async def check_project(
    loaded: LoadedSettings,
    secrets: Secrets,
    path: Path | None = None,
    *,
    say: Callable[[str], None] | None = None,
) -> Findings:
    """Load the project's flows, or those of `path` (a file or folder), and judge them. With
    `say`, which is told how it goes on, the environments of their tasks are built, too."""
    found = await load(loaded, last={}, path=path)
    failed = [] if say is None else [text async for text in _built(found, loaded, say)]
    names = sorted({name for flow in found.flows.values() for name in secret_names(flow)})
    return Findings(
        flows=tuple(sorted(found.flows)),
        errors=(*(str(error) for error in found.errors), *failed),
        warnings=tuple(found.warnings),
        missing_secrets=tuple(secrets.missing(names)),
    )


async def _built(
    found: Loaded, loaded: LoadedSettings, say: Callable[[str], None]
) -> AsyncIterator[str]:
    """Build the environments of the flows; what fails."""
    groups = Groups(None)
    house = EnvHouse(loaded.root / loaded.settings.store.data / ENVS, groups)
    try:
        for flow in found.flows.values():
            for env in envs_of(flow):
                try:
                    await house.interpreter(env, loaded.root, say)
                except EnvFailed as error:
                    yield f"{flow.file}:{flow.line}: {flow.name}: {error}"
    finally:
        house.close()
        groups.close()


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
