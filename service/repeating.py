"""A run of the past, begun again in a session in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from triphammer.flows.graph import FlowDef
from triphammer.flows.journal import RunChange, TaskRow
from triphammer.flows.modules import stand_in_for
from triphammer.sensors.event import Event
from triphammer.service.dispatcher.decide import requested_run
from triphammer.service.local import Local
from triphammer.service.store.contract import (
    Accept,
    ClaimRun,
    Decided,
    Outcome,
    Progress,
    Unit,
    WriteState,
)


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was given. `state` is what its flow remembers now, JSON by key."""

    run: str
    flow: str
    version: str
    event: Event
    params: Mapping[str, Any]
    state: Mapping[str, bytes]


class Journal(msgspec.Struct, frozen=True):
    """What is known of the tasks before the one that is repeated, and the contents of the
    artifacts that their results are."""

    rows: Sequence[TaskRow]
    contents: Sequence[bytes]


async def begin_again(
    local: Local, flow: FlowDef, past: Past, params: Mapping[str, Any], journal: Journal | None
) -> str:
    """Begin a run of `flow` as it is today on what `past` was given; with a `journal` behind the
    tasks that it tells of. The new run's id."""
    stand_in_for(past.version, flow.version)
    if past.state:
        await _commit(local, WriteState(flow=flow.name, writes=past.state))
        local.core.states.apply(flow.name, past.state)
    if journal is None:
        return await local.start(flow.name, params, past.event)
    for content in journal.contents:
        local.opened.artifacts.put(content)
    return await _begin_behind(local, flow, past, params, journal.rows)


async def _begin_behind(
    local: Local, flow: FlowDef, past: Past, params: Mapping[str, Any], rows: Sequence[TaskRow]
) -> str:
    """As after a crash: the run is in the store with its journal, and is taken up from there."""
    core, now = local.core, local.core.edges.clock.now()
    disposition, run = requested_run(flow, past.event, params, now)
    decided = Decided(event=past.event, dispositions=(disposition,), runs=(run,))
    catalog = core.dispatcher.catalog.id
    await _commit(local, Accept(decided=(decided,), catalog=catalog, received_at=now))
    epoch = await _commit(local, ClaimRun(run=run.id, owner=core.edges.owner))
    assert isinstance(epoch, int)
    change = RunChange(
        run=run.id,
        flow=flow.name,
        epoch=epoch,
        state="running",
        started_at=now,
        tasks=tuple(rows),
    )
    await _commit(local, Progress(change=change, at=now))
    await core.starter.recover()
    return run.id


async def _commit(local: Local, unit: Unit) -> Outcome:
    (outcome,) = await local.store.commit([unit])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
