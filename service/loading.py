"""Loads the flows folder and fits the whole set together, or says what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import anyio
import msgspec

from triphammer.config.loading import LoadedSettings
from triphammer.config.source import SensorSpec
from triphammer.flows.errors import GraphError
from triphammer.flows.graph import FlowDef
from triphammer.flows.loader import FlowSet, load_files, load_flows
from triphammer.flows.references import suggest
from triphammer.sensors.errors import SourceError
from triphammer.service.errors import NotFound
from triphammer.service.supervisor import wanted_specs


class Loaded(msgspec.Struct, frozen=True):
    """A set of flows that can serve, the sensors it needs and what could not be loaded."""

    flows: Mapping[str, FlowDef]
    specs: Mapping[str, SensorSpec]
    errors: Sequence[GraphError]
    warnings: Sequence[str]


async def load(
    loaded: LoadedSettings, *, last: Mapping[str, FlowDef], path: Path | None = None
) -> Loaded:
    """Load the flows folder, or only `path`, in a worker thread: user code may block.

    A flow whose file is broken keeps its `last` good version. A flow whose sources contradict
    those of the flows before it is left out, with the reason as its error.
    """
    found = await anyio.to_thread.run_sync(partial(_load, loaded, path))
    return _fit(_with_pools(found, loaded.settings.pools), last)


def _load(loaded: LoadedSettings, path: Path | None) -> FlowSet:
    settings, root = loaded.settings, loaded.root
    roots = tuple(root / p for p in settings.flows.path)
    most = settings.limits.runs_per_flow
    if path is None:
        return load_flows(root, root / settings.flows.dir, roots, runs_per_flow=most)
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}")
    if path.is_dir():
        return load_flows(root, path.resolve(), roots, runs_per_flow=most)
    return load_files(root, [path.resolve()], roots, runs_per_flow=most)


def _with_pools(found: FlowSet, pools: Mapping[str, int]) -> FlowSet:
    """`found` without the flows whose tasks ask for slots that no pool has."""
    flows: dict[str, FlowDef] = {}
    errors = list(found.errors)
    for name, flow in found.flows.items():
        wrong = next(_wrong_pools(flow, pools), None)
        if wrong is None:
            flows[name] = flow
        else:
            errors.append(GraphError(wrong, flow.file, flow.line))
    broken = found.broken | {f.file for n, f in found.flows.items() if n not in flows}
    return msgspec.structs.replace(found, flows=flows, errors=errors, broken=broken)


def _wrong_pools(flow: FlowDef, pools: Mapping[str, int]) -> Iterator[str]:
    for node in flow.graph.every():
        pool, slots = node.options.pool, node.options.slots
        if pool is None:
            continue
        if pool not in pools:
            near = suggest(pool, pools)
            yield (
                f"{flow.name}: {node.name} names the pool {pool!r}, which is not there{near}: "
                f"write {pool} = 2 below [pools] in triphammer.toml"
            )
        elif slots > pools[pool]:
            yield f"{flow.name}: {node.name} asks for {slots} slots of {pool}: it has {pools[pool]}"


def _fit(found: FlowSet, last: Mapping[str, FlowDef]) -> Loaded:
    kept = {n: f for n, f in last.items() if f.file in found.broken and n not in found.flows}
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
