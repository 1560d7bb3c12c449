"""What a store must do, as plain dictionaries: the oracle that both kinds are compared with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from triphammer.sensors.contract import Accepted
from triphammer.service.store.contract import (
    ENDED,
    Accept,
    ClaimMoved,
    ClaimRun,
    Decided,
    NewRun,
    OutboxResult,
    Outcome,
    Progress,
    Stale,
    Unit,
    WriteState,
)


class Model:
    """Applies units one after the other; what it holds is what the reads must answer."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, str], str] = {}
        self.duplicates: Counter[str] = Counter()
        self.runs: dict[str, NewRun] = {}
        self.event_of: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.epochs: Counter[str] = Counter()
        self.tasks: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.flow_state: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self.positions: dict[str, str] = {}
        self.open_claims: set[str] = set()
        self.due_claims: dict[str, bool] = {}
        self.outbox: dict[str, tuple[str | None, str]] = {}

    def apply(self, unit: Unit) -> Outcome:
        """The outcome that the store must give."""
        match unit:
            case Accept():
                return self._accept(unit)
            case Progress():
                return self._progress(unit)
            case ClaimRun():
                return self._claim(unit)
            case WriteState():
                return self._write_state(unit)
            case OutboxResult():
                return self._delivered(unit)
            case ClaimMoved():
                self.due_claims.pop(unit.event, None)
                self.open_claims.discard(unit.event)
                return True
            case _:
                raise NotImplementedError(unit)

    def due(self) -> list[str]:
        """The messages that may be sent: all are due, only order holds them back."""
        parked: set[str] = set()
        found: list[str] = []
        for id, (key, state) in self.outbox.items():
            if state == "pending" and (key is None or key not in parked):
                found.append(id)
            if key is not None and state in ("pending", "dead"):
                parked.add(key)
        return found

    def _accept(self, unit: Accept) -> Outcome:
        for key, value in unit.positions.items():
            if value is None:
                self.positions.pop(key, None)
            else:
                self.positions[key] = value
        return tuple(self._event(decided) for decided in unit.decided)

    def _event(self, decided: Decided) -> Accepted:
        event = decided.event
        known = self.first.get((event.source, event.id))
        if known is not None:
            self.duplicates[known] += 1
            runs = tuple(run for run, key in self.event_of.items() if key == known)
            return Accepted(known, event.id, event.source, True, runs)
        self.first[event.source, event.id] = event.key
        for run in decided.runs:
            self.runs[run.id] = run
            self.event_of[run.id] = event.key
            self.states[run.id] = "queued"
        if decided.claim and decided.runs:
            self.open_claims.add(event.key)
        runs = tuple(run.id for run in decided.runs)
        return Accepted(event.key, event.id, event.source, False, runs)

    def _claim(self, unit: ClaimRun) -> Outcome:
        if self.states.get(unit.run, "failed") in ENDED:
            return None
        self.epochs[unit.run] += 1
        return self.epochs[unit.run]

    def _progress(self, unit: Progress) -> Outcome:
        change = unit.change
        run = change.run
        if self.states.get(run, "failed") in ENDED or self.epochs[run] != change.epoch:
            return Stale()
        self.states[run] = change.state or self.states[run]
        for row in change.tasks:
            self.tasks[run][row.name] = row.state
        for message in change.outbox:
            self.outbox.setdefault(message.id, (message.key, "pending"))
        self._put_state(change.flow, change.state_writes)
        accepted = tuple(self._event(decided) for decided in unit.caused)
        if change.state in ENDED:
            self._settle(self.event_of[run])
        return accepted

    def _write_state(self, unit: WriteState) -> Outcome:
        found = self.flow_state[unit.flow]
        if any(found.get(key) != value for key, value in unit.expected.items()):
            return False
        self._put_state(unit.flow, unit.writes)
        return True

    def _put_state(self, flow: str, writes: Mapping[str, bytes | None]) -> None:
        for key, value in writes.items():
            if value is None:
                self.flow_state[flow].pop(key, None)
            else:
                self.flow_state[flow][key] = value

    def _settle(self, event: str) -> None:
        states = [self.states[run] for run, key in self.event_of.items() if key == event]
        if event in self.open_claims and all(state in ENDED for state in states):
            self.open_claims.discard(event)
            self.due_claims[event] = "failed" in states

    def _delivered(self, unit: OutboxResult) -> Outcome:
        key, state = self.outbox.get(unit.id, (None, ""))
        if state != "pending":
            return False
        self.outbox[unit.id] = (key, unit.state)
        return True
