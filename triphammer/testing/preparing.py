"""`simulate`: what is to be simulated, from flow objects or from a project's folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triphammer.config.durations import DurationLike, seconds
from triphammer.config.loading import LoadedSettings, load_settings
from triphammer.config.secrets import Secrets
from triphammer.config.settings import Settings
from triphammer.flows.definition import definition_of
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.service.errors import CannotServe
from triphammer.service.loading import load, wrong_pools
from triphammer.testing.overrides import Overrides, overridden
from triphammer.testing.simulation import Simulation
from triphammer.testing.virtual_loop import VirtualLoop

START = datetime(2026, 1, 1, tzinfo=UTC)


def simulate(
    *flows: Flow[..., Any],
    project: Path | str | None = None,
    secrets: Mapping[str, str] | None = None,
    connections: Mapping[str, Mapping[str, Any]] | None = None,
    pools: Mapping[str, int] | None = None,
    start: datetime = START,
    overrides: Overrides | None = None,
    seed: int = 0,
    patience: DurationLike = "1m",
) -> Simulation:
    """Flows in memory with virtual time that begins at `start`; nothing leaves the process.

    Use it as `with simulate(flow) as sim:` or `async with`. Plain functions run inline,
    timers and `@sensor`s fire as virtual time passes. `project` is a folder with a
    `triphammer.toml`: all its flows with its settings, besides `flows`. `overrides` are functions
    in the place of tasks, with the same arguments: `overrides={shell: fake}`, and what stands in
    the place of resources (itself, or a function that makes it): `{pg: fake_pool}`. `pools` are
    slots by name; without `pools` and `project` every pool has room for all. `seed` is what
    jitter is drawn from. What lets no virtual time pass for `patience` of real time is ended,
    as `NeverYields`. Raises `CannotServe` for a project or a set of flows that no daemon
    would serve.
    """
    loaded = None if project is None else load_settings(Path(project).resolve(), environ={})
    wanted = {} if loaded is None else dict(_project_flows(loaded))
    for flow in flows:
        wanted[flow.name] = definition_of(flow)
    settings = Settings() if loaded is None else loaded.settings
    tables = {**settings.connections, **(connections or {})}
    if pools is not None:
        settings = settings.model_copy(update={"pools": dict(pools)})
    if pools is not None or loaded is not None:
        _check_pools(wanted, settings.pools)
    return Simulation(
        {name: overridden(flow, overrides or {}) for name, flow in wanted.items()},
        secrets=Secrets(values=secrets or {}, connections=tables),
        settings=settings,
        start=start,
        root=Path.cwd() if loaded is None else loaded.root,
        seed=seed,
        patience=seconds(patience),
    )


def _project_flows(loaded: LoadedSettings) -> Mapping[str, FlowDef]:
    loop = VirtualLoop()
    try:
        found = loop.complete(load(loaded, last={}))
    finally:
        loop.close_all()
    if found.errors:
        raise CannotServe("; ".join(str(error) for error in found.errors))
    return found.flows


def _check_pools(flows: Mapping[str, FlowDef], pools: Mapping[str, int]) -> None:
    wrong = [reason for flow in flows.values() for reason in wrong_pools(flow, pools)]
    if wrong:
        raise CannotServe("; ".join(wrong))
