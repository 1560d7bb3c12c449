"""Carries units out within the writer's open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from triphammer.flows.journal import RunChange
from triphammer.sensors.contract import Accepted
from triphammer.service.store.contract import (
    ENDED,
    Accept,
    AddBackfill,
    AnswerWait,
    BringForward,
    CancelBackfill,
    ClaimMoved,
    ClaimRun,
    Crashed,
    DisableEndpoint,
    EnableEndpoint,
    FillTick,
    LookedBack,
    OutboxResult,
    Outcome,
    PauseSensor,
    Progress,
    PruneBackfills,
    PruneEvents,
    PruneIdentities,
    RedriveEvent,
    RedriveMessage,
    RedriveRun,
    SetPaused,
    SettleTicks,
    SkipEvent,
    SkipMessage,
    SkipRecord,
    SkipRun,
    Stale,
    Unit,
    WakeDue,
    WriteState,
)
from triphammer.service.store.sqlite import rows
from triphammer.service.store.sqlite.acceptance import Acceptance, Arrival
from triphammer.service.store.sqlite.access import Access
from triphammer.service.store.sqlite.bulk import Bulk
from triphammer.service.store.sqlite.dead import DeadLetters
from triphammer.service.store.sqlite.filling import Filling
from triphammer.service.store.sqlite.operators import Operators
from triphammer.service.store.sqlite.pruning import Pruning
from triphammer.service.store.sqlite.statements import statements
from triphammer.service.store.sqlite.waits import Waits
from triphammer.service.store.versions import SaveCatalog, SaveVersion, SetServing
from triphammer.service.store.waits import Woken

Raw = sqlite3.Connection
_json = msgspec.json.Encoder().encode
_fenced = msgspec.json.Decoder(list[tuple[int, int, str]]).decode


class Applier:
    """Knows the statements; keeps nothing else."""

    def __init__(self) -> None:
        self._sql = statements("writes.sql")
        self._tasks = Bulk(self._sql["put_task"])
        self._attempts = Bulk(self._sql["add_attempt"])
        self._runs = Bulk(self._sql["change_run"])
        self._artifacts = Bulk(self._sql["add_artifact"])
        self._messages = Bulk(self._sql["add_message"])
        self._waits = waits = Waits()
        self._acceptance = Acceptance(waits)
        pruning = Pruning()
        dead = DeadLetters()
        filling = Filling(self._acceptance, dead)
        self._by_type: Mapping[type, Callable[[Raw, Any], Sequence[Outcome]]] = {
            Accept: self._accept,
            Progress: self._progress,
            OutboxResult: _each(self._outbox_result),
            RedriveMessage: _each(self._redrive),
            SkipMessage: _each(self._skip),
            DisableEndpoint: _each(self._disable),
            EnableEndpoint: _each(self._enable),
            BringForward: _each(self._bring_forward),
            ClaimMoved: _each(self._claim_moved),
            SaveVersion: _each(self._save_version),
            SaveCatalog: _each(self._save_catalog),
            SetServing: _each(self._set_serving),
            SetPaused: _each(self._set_paused),
            PauseSensor: _each(self._pause_sensor),
            WriteState: _each(self._write_state),
            ClaimRun: _each(self._claim_run),
            PruneEvents: _each(pruning.events),
            PruneIdentities: _each(pruning.identities),
            Crashed: _each(dead.crashed),
            RedriveRun: _each(dead.redrive_run),
            RedriveEvent: _each(dead.redrive_event),
            SkipRun: _each(dead.skip_run),
            SkipEvent: _each(dead.skip_event),
            SkipRecord: _each(dead.skip_record),
            AddBackfill: _each(filling.add),
            FillTick: _each(filling.fill),
            SettleTicks: _each(filling.settle),
            CancelBackfill: _each(filling.cancel),
            PruneBackfills: _each(filling.prune),
            **{kind: _each(apply) for kind, apply in Access().by_type().items()},
            AnswerWait: _each(waits.answer),
            WakeDue: _each(waits.due),
            LookedBack: _each(waits.looked),
            **{kind: _each(apply) for kind, apply in Operators().by_type().items()},
        }

    def apply(self, raw: Raw, units: Sequence[Unit]) -> Sequence[Outcome]:
        """The outcome of each unit of a stretch; raises what SQLite raises."""
        return self._by_type[type(units[0])](raw, units)

    def take_woken(self) -> Sequence[Woken]:
        """The waits that were answered since this was asked last."""
        return self._waits.take_woken()

    def undone(self) -> None:
        """What was applied since was rolled back."""
        self._waits.undone()

    def _accept(self, raw: Raw, units: Sequence[Accept]) -> Sequence[Outcome]:
        brought = [[Arrival(d, u.catalog, u.received_at) for d in u.decided] for u in units]
        outcomes = self._take(raw, brought)
        for unit in units:
            if unit.positions:
                self._move(raw, unit.sensor, unit.positions)
            for dead in unit.dead:
                headers = _json(dict(dead.headers))
                values = (dead.source, dead.id, dead.reason, dead.payload, headers)
                raw.execute(self._sql["add_dead_record"], (*values, unit.received_at))
        return outcomes

    def _take(
        self, raw: Raw, brought: Sequence[Sequence[Arrival]]
    ) -> Sequence[tuple[Accepted, ...]]:
        """Store what each unit brings; what became of it, unit by unit."""
        accepted = iter(self._acceptance.accept(raw, [a for items in brought for a in items]))
        return [tuple(islice(accepted, len(items))) for items in brought]

    def _move(self, raw: Raw, sensor: str, positions: Mapping[str, str | None]) -> None:
        put, drop = self._sql["put_position"], self._sql["drop_position"]
        for key, value in positions.items():
            if value is None:
                raw.execute(drop, (sensor, key))
            else:
                raw.execute(put, (sensor, key, value))

    def _progress(self, raw: Raw, units: Sequence[Progress]) -> Sequence[Outcome]:
        found = self._fence(raw, [unit.change for unit in units])
        current = [(unit, *found[n]) for n, unit in enumerate(units) if n in found]
        self._put_changes(raw, [(seq, unit) for unit, seq, _ in current])
        for unit, seq, event in current:
            self._waits.end(raw, seq, unit.change.over)
            self._waits.begin(raw, seq, event, unit.change.waits, unit.at)
        valid = [unit for unit, _, _ in current]
        for unit in valid:
            self._state_writes(raw, unit.change.flow, unit.change.state_writes)
        brought = [[Arrival(d, u.catalog, u.at) for d in u.caused] for u in valid]
        accepted = iter(self._take(raw, brought))
        self._settle_claims(raw, [event for u, _, event in current if u.change.state in ENDED])
        return [next(accepted) if n in found else Stale() for n in range(len(units))]

    def _fence(self, raw: Raw, changes: Sequence[RunChange]) -> Mapping[int, tuple[int, str]]:
        """By place the run's row and event; changes from a past life of a run are not in it."""
        asked = _json([(change.run, change.epoch) for change in changes]).decode()
        (answer,) = raw.execute(self._sql["fence"], (asked,)).fetchone()
        return {place: (seq, event) for place, seq, event in _fenced(answer)}

    def _put_changes(self, raw: Raw, units: Sequence[tuple[int, Progress]]) -> None:
        """The rows of tasks, failed attempts, runs and messages, each table in one go."""
        changes = [(seq, unit.change) for seq, unit in units]
        self._tasks.run(raw, [rows.task_values(seq, row) for seq, c in changes for row in c.tasks])
        self._attempts.run(
            raw, [(seq, *rows.attempt_values(f)) for seq, c in changes for f in c.failed_attempts]
        )
        self._artifacts.run(
            raw, [(seq, *rows.kept_values(kept)) for seq, c in changes for kept in c.kept]
        )
        # A statement must not change a row twice: of two changes of a run the later would go.
        for told in _apart([rows.run_values(seq, c) for seq, c in changes if _tells_of_run(c)]):
            self._runs.run(raw, told)
        self._messages.run(
            raw,
            [
                rows.message_values(unit.change, message, unit.change.finished_at or unit.at)
                for _, unit in units
                for message in unit.change.outbox
            ],
        )

    def _state_writes(self, raw: Raw, flow: str, writes: Mapping[str, bytes | None]) -> None:
        for key, value in writes.items():
            if value is None:
                raw.execute(self._sql["drop_state"], (flow, key))
            else:
                raw.execute(self._sql["put_state"], (flow, key, value))

    def _settle_claims(self, raw: Raw, events: Sequence[str]) -> None:
        """The move of an event's file is due once the last of its runs has ended."""
        if not events:
            return
        (found,) = raw.execute(self._sql["open_claims"], (_json(events).decode(),)).fetchone()
        for event in msgspec.json.decode(found):
            left, failed = raw.execute(self._sql["unfinished_of_event"], (event,)).fetchone()
            if left == 0:
                raw.execute(self._sql["claim_due"], (event, int(failed > 0)))

    def _outbox_result(self, raw: Raw, unit: OutboxResult) -> Outcome:
        told = (unit.id, unit.state, unit.attempts, unit.due_at, unit.error, unit.at)
        values = (*told, unit.trying_since)
        return raw.execute(self._sql["message_result"], values).rowcount > 0

    def _redrive(self, raw: Raw, unit: RedriveMessage) -> Outcome:
        found = raw.execute(self._sql["redrive_message"], (unit.id, unit.at)).fetchone()
        if found is not None:
            raw.execute(self._sql["enable_endpoint"], (found[0],))
        return found is not None

    def _skip(self, raw: Raw, unit: SkipMessage) -> Outcome:
        return raw.execute(self._sql["skip_message"], (unit.id,)).rowcount > 0

    def _disable(self, raw: Raw, unit: DisableEndpoint) -> Outcome:
        values = (unit.target, unit.reason, unit.at)
        return raw.execute(self._sql["disable_endpoint"], values).rowcount > 0

    def _enable(self, raw: Raw, unit: EnableEndpoint) -> Outcome:
        return raw.execute(self._sql["enable_endpoint"], (unit.target,)).rowcount > 0

    def _bring_forward(self, raw: Raw, unit: BringForward) -> Outcome:
        return raw.execute(self._sql["bring_forward"], (unit.target, unit.at)).rowcount

    def _claim_moved(self, raw: Raw, unit: ClaimMoved) -> Outcome:
        raw.execute(self._sql["drop_claim"], (unit.event,))
        if unit.moved_to is not None:
            raw.execute(self._sql["event_moved"], (unit.event, unit.moved_to))
        return True

    def _save_version(self, raw: Raw, unit: SaveVersion) -> Outcome:
        sources = _json(dict(unit.sources))
        values = (unit.flow, unit.version, unit.file, sources, unit.at)
        return raw.execute(self._sql["add_version"], values).rowcount > 0

    def _save_catalog(self, raw: Raw, unit: SaveCatalog) -> Outcome:
        values = (unit.id, unit.body, unit.at)
        return raw.execute(self._sql["add_catalog"], values).rowcount > 0

    def _set_serving(self, raw: Raw, unit: SetServing) -> Outcome:
        names = _json([name for name, _, _ in unit.flows])
        raw.execute(self._sql["remove_served"], (names, unit.at))
        raw.executemany(self._sql["put_served"], [(*flow, unit.at) for flow in unit.flows])
        return True

    def _set_paused(self, raw: Raw, unit: SetPaused) -> Outcome:
        if unit.paused:
            return raw.execute(self._sql["pause_flow"], (unit.flow, unit.at)).rowcount > 0
        return raw.execute(self._sql["resume_flow"], (unit.flow,)).rowcount > 0

    def _pause_sensor(self, raw: Raw, unit: PauseSensor) -> Outcome:
        if unit.paused:
            return raw.execute(self._sql["pause_sensor"], (unit.sensor, unit.at)).rowcount > 0
        return raw.execute(self._sql["resume_sensor"], (unit.sensor,)).rowcount > 0

    def _write_state(self, raw: Raw, unit: WriteState) -> Outcome:
        for key, value in unit.expected.items():
            found = raw.execute(self._sql["state_value"], (unit.flow, key)).fetchone()
            if (None if found is None else bytes(found[0])) != value:
                return False
        self._state_writes(raw, unit.flow, unit.writes)
        return True

    def _claim_run(self, raw: Raw, unit: ClaimRun) -> Outcome:
        found = raw.execute(self._sql["claim_run"], (unit.run, unit.owner)).fetchone()
        return None if found is None else int(found[0])


def stretches(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """`units` cut into stretches that can be applied together, in order.

    All of a stretch are of one type, and none is about a run that an earlier one of the same
    stretch makes or ends: its fence must see what that one did.
    """
    stretch: list[Unit] = []
    settled: set[str] = set()
    for unit in units:
        if stretch and (type(unit) is not type(stretch[0]) or _run_of(unit) in settled):
            yield stretch
            stretch, settled = [], set()
        stretch.append(unit)
        if isinstance(unit, Progress):
            settled.update(_settles(unit))
    if stretch:
        yield stretch


def _run_of(unit: Unit) -> str | None:
    return unit.change.run if isinstance(unit, Progress) else None


def _settles(unit: Progress) -> Iterator[str]:
    """The runs that `unit` makes or ends."""
    for item in unit.caused:
        yield from (run.id for run in item.runs)
    if unit.change.state in ENDED:
        yield unit.change.run


def _each(apply: Callable[[Raw, Any], Outcome]) -> Callable[[Raw, Any], Sequence[Outcome]]:
    return lambda raw, units: [apply(raw, unit) for unit in units]


def _tells_of_run(change: RunChange) -> bool:
    return bool(change.state or change.started_at or change.result or change.error)


def _apart(values: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """`values` in order, cut before each whose row is in the part already."""
    part: dict[int, tuple[Any, ...]] = {}
    for value in values:
        if value[0] in part:
            yield list(part.values())
            part = {}
        part[value[0]] = value
    yield list(part.values())
