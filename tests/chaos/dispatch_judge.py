"""What must be true of a dispatcher at any moment, whatever happens at once: asked of the bare
tables, and counted anew each time."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.dispatch_reference import PLACES, REQUESTED, SUSPECT, verdict
from tests.chaos.dispatch_world import ACTIVE_RUNS, World
from triphammer.flows.executors.contract import Attempt, AttemptId

ENDED = ("succeeded", "failed", "cancelled", "superseded")
FIRST_COME = ("plain", "late", "typed", "picky")
"""Flows without keys whose runs come from one source: they begin in the order of events."""
MEANWHILE = 0.5
"""Seconds after which whatever was on its way when a flow was paused has begun."""


class Row(NamedTuple):
    """A run as the table has it."""

    seq: int
    id: str
    flow: str
    state: str
    event: str
    key: str | None
    holds: bool
    place: int
    settled: str | None
    redrive_of: str | None
    crashes: int

    @property
    def ended(self) -> bool:
        return self.state in ENDED


ROWS = """
SELECT seq, id, flow, state, event, order_key, holds, coalesce(place, seq), settled, redrive_of,
  crashes FROM runs ORDER BY seq
"""


class Judge:
    """Looks at each attempt that begins, and at everything when all is quiet."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[str, str], str] = {}
        self.cancelling: set[str] = set()
        self.cancelled: set[str] = set()
        self.paused: dict[str, float] = {}
        self.live: list[tuple[float, int]] = []
        self.taken_up: set[str] = set()
        self.begun: set[str] = set()
        self.attempts: set[AttemptId] = set()

    def life_begins(self, world: World) -> None:
        """What had begun is taken up again, whatever the limits say."""
        self.taken_up = {row.id for row in all_runs(world) if row.state == "running"}
        self.begun, self.cancelling, self.cancelled = set(), set(), set()
        self.attempts = set()
        self.goes_live(world)
        self.paused = {flow: world.loop.time() for (flow,) in world.rows("SELECT flow FROM paused")}

    def goes_live(self, world: World) -> None:
        """Other flows are live from now on."""
        self.live.append((world.loop.time(), world.generation))

    def begins(self, world: World, attempt: Attempt) -> None:
        """An attempt begins: was it allowed to?"""
        assert attempt.id not in self.attempts, "it has begun before"
        self.attempts.add(attempt.id)
        found = all_runs(world)
        (row,) = [row for row in found if row.id == attempt.id.run]
        assert not row.ended, "a run that has ended begins nothing"
        assert row.id not in self.cancelled, "nor does one that an operator has cancelled"
        done = "SELECT state FROM tasks WHERE run = ? AND name = ?"
        assert ("succeeded",) not in world.rows(done, row.seq, attempt.id.task), "I3"
        if row.id in self.begun:
            return
        self.begun.add(row.id)
        self._in_order(found, row)
        if row.id not in self.taken_up and row.crashes < SUSPECT:
            self._has_room(world, found, row)
            self._is_let(world, row)

    def _in_order(self, found: Sequence[Row], row: Row) -> None:
        older = [other for other in found if other.flow == row.flow and other.place < row.place]
        if row.key is not None:
            assert not [o for o in older if o.key == row.key and o.holds], "its key is held"
        elif row.flow in FIRST_COME and row.id not in self.taken_up:
            waiting = [o for o in older if o.state == "queued" and o.id not in self.begun]
            assert not [o for o in waiting if self._could_begin(o)], "an older run waits"

    def _could_begin(self, row: Row) -> bool:
        unusual = row.id in self.cancelling or row.redrive_of or row.crashes >= SUSPECT
        return not unusual

    def _has_room(self, world: World, found: Sequence[Row], row: Row) -> None:
        active = [r for r in found if not r.ended and r.id in self.begun | self.taken_up]
        assert len([r for r in active if r.flow == row.flow]) <= self._places(world, row.flow)
        assert len(active) <= ACTIVE_RUNS

    def _places(self, world: World, flow: str) -> int:
        """How many there may be, or might be just now."""
        since = world.loop.time() - MEANWHILE
        past = [one for (_, one), (until, _) in pairwise(self.live) if until >= since]
        return max(PLACES[one].get(flow, 1) for one in (*past, world.generation))

    def _is_let(self, world: World, row: Row) -> None:
        since = self.paused.get(row.flow)
        assert since is None or world.loop.time() < since + MEANWHILE, "its flow is paused"

    # --- when all is quiet --------------------------------------------------------------------

    def all_is_well(self, world: World) -> None:
        """Nothing is under way but tasks."""
        found = all_runs(world)
        self._accounts(world, found)
        self._nobody_waits_in_vain(world, found)
        events_are_accounted(world, found)
        stored = {(s, i): k for s, i, k in world.rows("SELECT source, id, key FROM events")}
        assert {id: stored.get(id) for id in self.acknowledged} == self.acknowledged, "I1"

    def _accounts(self, world: World, found: Sequence[Row]) -> None:
        core = world.life.core
        queued = Counter(r.flow for r in self.waiting(world, found))
        active = Counter(r.flow for r in found if not r.ended) - queued
        flows = sorted({row.flow for row in found})
        starter, admission = core.starter, core.admission
        assert {f: starter.queued_of(f) for f in flows} == {f: queued[f] for f in flows}
        assert {f: admission.active_of(f) for f in flows} == {f: active[f] for f in flows}
        assert starter.queued == queued.total()

    def waiting(self, world: World, found: Sequence[Row]) -> list[Row]:
        """The runs without a place."""
        has = world.life.core.admission.has
        return [row for row in found if row.state == "queued" and not has(row.id)]

    def _nobody_waits_in_vain(self, world: World, found: Sequence[Row]) -> None:
        """I2, I7: whoever may begin has begun."""
        waiting = self.waiting(world, found)
        active = [r for r in found if not r.ended and r not in waiting]
        held: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
        for row in found:
            if row.holds:
                held[row.flow, row.key].append(row.place)
        for row in waiting:
            places = PLACES[world.generation].get(row.flow, 1)
            full = len([r for r in active if r.flow == row.flow]) >= places
            behind = row.holds and min(held[row.flow, row.key]) < row.place
            paused = row.flow in self.paused
            assert full or behind or paused or len(active) >= ACTIVE_RUNS, row


def all_runs(world: World) -> list[Row]:
    return [Row(*row) for row in world.rows(ROWS)]


EVENTS = "SELECT key, source, id, type, data, extensions, catalog FROM events ORDER BY seq"
DISPOSITIONS = "SELECT subscription, outcome FROM dispositions WHERE event = ?"


def events_are_accounted(world: World, found: Sequence[Row]) -> None:
    """I2, I6: each event once, with one outcome a subscription, and one run where it ran."""
    generations = {
        id: _generation(body) for id, body in world.rows("SELECT id, body FROM catalogs")
    }
    runs = Counter((row.event, row.flow) for row in found if row.redrive_of is None)
    stored = world.rows(EVENTS)
    assert len({(source, id) for _, source, id, *_ in stored}) == len(stored)
    for key, _, _, type, data, extensions, catalog in stored:
        lineage = json.loads(extensions or "{}").get("triphammerlineage", "").split(",")
        wanted = {
            flow: verdict(flow, type, json.loads(data), lineage)
            for flow in PLACES[generations[catalog]]
        }
        outcomes = world.rows(DISPOSITIONS, key)
        assert len(dict(outcomes)) == len(outcomes)
        told = {**dict.fromkeys(wanted, "filtered"), **dict(outcomes)}
        if type == REQUESTED:
            assert told.pop("manual") == "ran"
            assert runs[key, "told"] == 1
            continue
        assert {flow: _decided(outcome, wanted[flow]) for flow, outcome in told.items()} == wanted
        for flow, outcome in told.items():
            assert runs[key, flow] == (outcome == "ran"), (key, flow)


def _decided(outcome: str, wanted: str) -> str:
    """The outcome before an operator dealt with an event that could not start its flow."""
    acted = wanted in ("error", "dead-lettered") and outcome in ("ran", "skipped")
    return wanted if acted else outcome


def _generation(catalog: bytes) -> int:
    (number,) = [n for n, flows in enumerate(PLACES) if set(flows) == set(json.loads(catalog))]
    return number
