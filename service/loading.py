"""Loads the flows folder and puts the whole set into service, or leaves the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import msgspec

from triphammer.config.settings import Settings
from triphammer.config.source import SensorSpec
from triphammer.flows.errors import GraphError
from triphammer.flows.graph import FlowDef
from triphammer.flows.loader import FlowSet, load_flows
from triphammer.sensors.errors import SourceError
from triphammer.service.supervisor import wanted_specs


class Loaded(msgspec.Struct, frozen=True):
    """A set of flows that can serve, the sensors it needs and what could not be loaded."""

    flows: Mapping[str, FlowDef]
    specs: Mapping[str, SensorSpec]
    errors: Sequence[GraphError]
    warnings: Sequence[str]


async def load(root: Path, settings: Settings, *, last: Mapping[str, FlowDef]) -> Loaded:
    """Load the flows folder in a worker thread: importing user code may block.

    A flow whose file is broken keeps its `last` good version. A flow whose sources contradict
    those of the flows before it is left out, with the reason as its error.
    """
    paths = tuple(root / p for p in settings.flows.path)
    found = await anyio.to_thread.run_sync(load_flows, root, root / settings.flows.dir, paths)
    return _fit(found, last)


def _fit(found: FlowSet, last: Mapping[str, FlowDef]) -> Loaded:
    broken = {error.file for error in found.errors}
    kept = {n: f for n, f in last.items() if f.file in broken and n not in found.flows}
    flows = {**found.flows, **kept}
    errors = list(found.errors)
    while True:
        try:
            specs = wanted_specs(flows.values())
        except SourceError as error:
            culprit = _culprit(flows, error)
            errors.append(GraphError(str(error), culprit.file, culprit.line))
            flows = {n: f for n, f in flows.items() if n != culprit.name}
        else:
            return Loaded(flows, specs, errors, found.warnings)


def _culprit(flows: Mapping[str, FlowDef], error: SourceError) -> FlowDef:
    """The first flow that cannot be served beside those before it."""
    taken: list[FlowDef] = []
    for flow in flows.values():
        try:
            wanted_specs([*taken, flow])
        except SourceError:
            return flow
        taken.append(flow)
    raise error
