"""Loads the flows folder and fits the whole set together, or says what does not fit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from itertools import chain
from pathlib import Path

import anyio
import msgspec

from triphammer.config.loading import LoadedSettings
from triphammer.config.source import SensorSpec
from triphammer.flows.envs.spec import LISTED, PROJECT, wanted
from triphammer.flows.errors import EnvFailed, GraphError
from triphammer.flows.graph import FlowDef
from triphammer.flows.loader import FlowSet, load_files, load_flows, same_name
from triphammer.flows.references import suggest
from triphammer.flows.snapshot import Snapshot
from triphammer.sensors.errors import SourceError
from triphammer.service.env_builds import envs_of
from triphammer.service.errors import NotFound
from triphammer.service.supervisor import wanted_specs

ENTRY_POINTS = "triphammer.flows"
Recall = Callable[[Collection[str]], Awaitable[Mapping[str, FlowDef]]]
"""The last good flows of these files."""


class Loaded(msgspec.Struct, frozen=True):
    """A set of flows that can serve, the sensors it needs and what could not be loaded.

    `wrong` gives the error of each flow in whose place its last good version serves, or whose
    file has another one. `snapshot` is what all was loaded from.
    """

    flows: Mapping[str, FlowDef]
    specs: Mapping[str, SensorSpec]
    errors: Sequence[GraphError]
    warnings: Sequence[str]
    wrong: Mapping[str, str] = {}
    snapshot: Snapshot = Snapshot()
    leases: tuple[object, ...] = ()


async def load(
    loaded: LoadedSettings,
    *,
    last: Mapping[str, FlowDef],
    path: Path | None = None,
    recall: Recall | None = None,
) -> Loaded:
    """Load the flows folder, or only `path`, in a worker thread: user code may block.

    A flow whose file is broken keeps its `last` good version, or the one that `recall` gives;
    so does one whose sources contradict those of the flows before it. Without any it is left
    out. The reason is among the errors in each case. Of two flows of one name the one in whose
    file it served last goes on.
    """
    found = await anyio.to_thread.run_sync(_load, loaded, path)
    if found.twins and recall is not None:
        last = {**await recall({twin.flow.file for twin in found.twins}), **last}
    found = _with_folder(_with_incumbents(found, last), last)
    found = await anyio.to_thread.run_sync(_fitting, found, loaded)
    if found.broken and recall is not None:
        last = {**await recall(found.broken.keys()), **last}
    return _fit(found, last)


def _with_incumbents(found: FlowSet, last: Mapping[str, FlowDef]) -> FlowSet:
    """`found`, but of flows of one name those that served before a newcomer took the name."""
    for twin in found.twins:
        served, newcomer = last.get(twin.flow.name), found.flows[twin.flow.name]
        if served is None or served.file != twin.flow.file or newcomer.file == served.file:
            continue
        error = same_name(newcomer, twin.flow)
        errors = [error if one is twin.error else one for one in found.errors]
        others = [str(one) for one in errors if one.file == twin.flow.file]
        broken = {**found.broken, newcomer.file: str(error)}
        if others:
            broken[twin.flow.file] = others[0]
        else:
            del broken[twin.flow.file]
        flows = {**found.flows, twin.flow.name: twin.flow}
        found = msgspec.structs.replace(found, flows=flows, errors=errors, broken=broken)
    return found


def _load(loaded: LoadedSettings, path: Path | None) -> FlowSet:
    settings, root = loaded.settings, loaded.root
    roots = tuple(root / p for p in settings.flows.path)
    most = settings.limits.runs_per_flow
    if path is None:
        folder = None if settings.flows.dir is None else root / settings.flows.dir
        modules = dict.fromkeys([*settings.flows.modules, *_installed()])
        return load_flows(root, folder, roots, modules=tuple(modules), runs_per_flow=most)
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}")
    if path.is_dir():
        return load_flows(root, path.resolve(), roots, runs_per_flow=most)
    return load_files(root, [path.resolve()], roots, runs_per_flow=most)


def _installed() -> Iterator[str]:
    """The modules of flows that installed packages name."""
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        yield entry.module


def _fitting(found: FlowSet, loaded: LoadedSettings) -> FlowSet:
    """`found` without the flows whose tasks ask for slots that no pool has, or for environments
    that nothing says what they consist of."""
    pools = loaded.settings.pools
    flows: dict[str, FlowDef] = {}
    errors, broken = list(found.errors), dict(found.broken)
    for name, flow in found.flows.items():
        _note_requirements(flow, loaded.root, found.snapshot)
        wrong = next(chain(wrong_pools(flow, pools), wrong_envs(flow, loaded.root)), None)
        if wrong is None:
            flows[name] = flow
        else:
            errors.append(GraphError(wrong, flow.file, flow.line))
            broken.setdefault(flow.file, str(errors[-1]))
    return msgspec.structs.replace(found, flows=flows, errors=errors, broken=broken)


def _note_requirements(flow: FlowDef, root: Path, snapshot: Snapshot) -> None:
    """A change of these files is a change of what was loaded, though no version has them."""
    for env in envs_of(flow):
        if env.folder is not None:
            for name in (LISTED, PROJECT):
                snapshot.note(root / env.folder / name)


def wrong_envs(flow: FlowDef, root: Path) -> Iterator[str]:
    """The environments whose requirements cannot be read, a line each."""
    for env in envs_of(flow):
        try:
            wanted(env, root)
        except EnvFailed as error:
            yield f"{flow.name}: {error}"


def wrong_pools(flow: FlowDef, pools: Mapping[str, int]) -> Iterator[str]:
    """What asks for slots that no pool has, a line each."""
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
    kept = {n: f for n, f in last.items() if f.file in found.broken and _is_still_there(f, found)}
    flows = {**found.flows, **kept}
    wrong = {n: found.broken[f.file] for n, f in flows.items() if f.file in found.broken}
    errors = list(found.errors)
    while True:
        try:
            specs = wanted_specs(flows.values())
        except SourceError as error:
            culprit = _culprit(flows, error)
            errors.append(GraphError(str(error), culprit.file, culprit.line))
            flows = _without(flows, culprit, last)
            wrong = {n: t for n, t in wrong.items() if n in flows}
            if culprit.name in flows:
                wrong[culprit.name] = str(errors[-1])
        else:
            warnings, snapshot = found.warnings, found.snapshot
            return Loaded(flows, specs, errors, warnings, wrong, snapshot, found.leases)


def _is_still_there(flow: FlowDef, found: FlowSet) -> bool:
    """Whether no other file has the flow by now."""
    return flow.name not in found.flows or found.flows[flow.name].file == flow.file


def _without(
    flows: Mapping[str, FlowDef], culprit: FlowDef, last: Mapping[str, FlowDef]
) -> dict[str, FlowDef]:
    """`flows` with the last good version of `culprit`, or without it."""
    rest = {n: f for n, f in flows.items() if n != culprit.name}
    good = last.get(culprit.name)
    if good is None or good.version == culprit.version:
        return rest
    return {culprit.name: good, **rest}


def _with_folder(found: FlowSet, last: Mapping[str, FlowDef]) -> FlowSet:
    """`found`, with what is gone from under flows that serve as broken: the whole folder, or a
    module (a package is being installed anew)."""
    text = "it is gone with its folder or package: its flows go on at their last good version"
    broken = {
        flow.file: GraphError(text, flow.file, flow.line)
        for flow in last.values()
        if _is_gone(flow, found)
    }
    if not broken:
        return found
    return msgspec.structs.replace(
        found,
        errors=[*found.errors, *broken.values()],
        broken={**found.broken, **{file: str(error) for file, error in broken.items()}},
    )


def _is_gone(flow: FlowDef, found: FlowSet) -> bool:
    if flow.name in found.flows or flow.file in found.broken:
        return False
    name = flow.module.partition(".")[2]
    if any(name == gone or name.startswith(f"{gone}.") for gone in found.missing_modules):
        return True
    return bool(found.missing_folder) and flow.file.startswith(f"{found.missing_folder}/")


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
