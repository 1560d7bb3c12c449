"""What the dispatcher must do, as plain lists that are counted anew at every step.

Written from what the documentation promises, and of nothing that the product is made of.
Times are seconds. Runs and events are known by their numbers, in the order of their making.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Data = Mapping[str, Any]
Told = tuple[str, str, Data]
"""An event from outside: id, type, data."""
API, RUNS = "triphammer/api", "triphammer/runs"
FINISHED = "triphammer.run.finished"
REQUESTED = "triphammer.run.requested"
BACKOFF = 4.5
TRIAL, ACQUITTED = 10.0, 600.0
SUSPECT, GIVEN_UP = 3, 5
PLACES: Sequence[Mapping[str, int]] = (
    {"plain": 2, "keyed": 2, "asked": 2, "typed": 2, "told": 2, "picky": 1},
    {"plain": 1, "keyed": 3, "asked": 2, "typed": 2, "told": 2, "late": 1},
)
"""By generation: the flows in the order of their file, and how many runs each may have."""
FLOWS = tuple(dict.fromkeys(flow for flows in PLACES for flow in flows))
ADDED = (0, 100)
"""By generation: what the first task adds."""
ORDERED = ("keyed", "asked")
"""The flows whose runs wait for each other, by `data.k`."""
OPEN = ("queued", "held", "running")


def verdict(flow: str, type: str, data: Data, lineage: Sequence[str]) -> str:
    """What an event is for a flow that is live."""
    if type == FINISHED:
        if flow != "told" or data["state"] not in ("failed", "cancelled"):
            return "filtered"
        return "error" if data["error"] is None else "loop" if flow in lineage else "ran"
    if type == "a":
        large = flow == "picky" and data["n"] > 5
        return "ran" if flow in ("plain", "keyed", "late") or large else "filtered"
    if type == "b" and flow == "asked":
        return "error" if "m" not in data else "ran" if data["m"] else "filtered"
    if type == "b" and flow == "typed":
        return "ran" if isinstance(data["size"], int) else "dead-lettered"
    return "ran" if type == "b" and flow == "picky" else "filtered"


@dataclass
class Arrival:
    """A stored event, and its outcome for each subscription; `run` is that whose end it is."""

    number: int
    source: str
    id: str
    type: str
    data: Data
    outcomes: dict[str, str]
    lineage: Sequence[str] = ()
    run: int | None = None
    duplicates: int = 0


@dataclass
class Run:
    """A run. `at` is its task under way and the number of its attempt, `due` when that one is
    to begin: None means that it has begun. `since` when it goes on in this life of the daemon;
    `told`: the store knows that it has begun."""

    number: int
    flow: str
    generation: int
    event: Arrival
    key: str | None
    place: int
    lineage: Sequence[str]
    state: str = "queued"
    at: tuple[str, int] = ("first", 1)
    due: float | None = None
    since: float = 0.0
    told: bool = False
    crashes: int = 0
    settled: str | None = None
    result: int | None = None
    error: str | None = None

    @property
    def holds(self) -> bool:
        """Whether others of its key have to wait for it."""
        dead = self.state == "failed" and self.settled is None
        return self.key is not None and (self.state in OPEN or dead)

    @property
    def active(self) -> bool:
        """Whether it has a place."""
        return self.state in ("held", "running")


@dataclass
class Reference:
    """All of it. `begun` are the runs in the order in which their first attempt began; `trials`
    those of suspects: since when, and who."""

    places_in_all: int
    most_queued: int
    generation: int = 0
    now: float = 0.0
    events: list[Arrival] = field(default_factory=list[Arrival])
    runs: list[Run] = field(default_factory=list[Run])
    paused: set[str] = field(default_factory=set[str])
    suspects: list[Run] = field(default_factory=list[Run])
    trials: list[tuple[float, list[Run]]] = field(default_factory=list[tuple[float, list[Run]]])
    begun: list[int] = field(default_factory=list[int])

    # --- what can be asked ------------------------------------------------------------------

    def in_state(self, *states: str) -> list[Run]:
        return [run for run in self.runs if run.state in states]

    @property
    def dead(self) -> list[Run]:
        return [run for run in self.in_state("failed") if run.settled is None]

    @property
    def dead_events(self) -> list[tuple[Arrival, str]]:
        """Events that could not start a flow, and which."""
        return [
            (event, flow)
            for event in self.events
            for flow, outcome in event.outcomes.items()
            if outcome in ("error", "dead-lettered")
        ]

    @property
    def live(self) -> Sequence[str]:
        return list(PLACES[self.generation])

    @property
    def congested(self) -> bool:
        return len(self.in_state("queued")) >= self.most_queued

    @property
    def under_way(self) -> list[Run]:
        """The runs whose attempt is under way, rather than waited for."""
        return [run for run in self.in_state("running") if run.due is None]

    def free(self, flow: str) -> int:
        """How many more runs of a flow may begin."""
        active = [run for run in self.runs if run.active]
        own = PLACES[self.generation].get(flow, 1) - len([r for r in active if r.flow == flow])
        return 0 if flow in self.paused else min(own, self.places_in_all - len(active))

    def ready(self, flow: str) -> list[Run]:
        """The queued runs that wait for nobody but a place, in order."""
        queued = [run for run in self.in_state("queued") if run.flow == flow]
        return sorted((run for run in queued if not self.before(run)), key=lambda r: r.place)

    def before(self, run: Run) -> list[Run]:
        """The runs that a run has to wait for, because of its key."""
        same = [other for other in self.runs if (other.flow, other.key) == (run.flow, run.key)]
        return [other for other in same if other.holds and other.place < run.place]

    # --- what happens -----------------------------------------------------------------------

    def emit(self, told: Sequence[Told]) -> None:
        """Events come from outside."""
        for id, type, data in told:
            self._arrive("s", id, type, data)
        self.settle()

    def request(self, flow: str, id: str) -> None:
        """Somebody asks for a run."""
        if self._is_known(API, id):
            return
        event = self._store(API, id, REQUESTED, {})
        event.outcomes["manual"] = "ran"
        self._new(flow, event, None)
        self.settle()

    def end(self, run: Run, *, well: bool) -> None:
        """The attempt that is under way ends."""
        task, attempt = run.at
        run.told = True
        if not well and task == "first" and attempt == 1:
            run.at, run.due = ("first", 2), self.now + BACKOFF
        elif not well:
            self._ended(run, "failed", "RuntimeError")
        elif task == "first":
            run.at = ("second", 1)
        else:
            run.result = 2 * (run.event.data.get("n", 1) + ADDED[run.generation])
            run.state = "succeeded"
        self.settle()

    def cancel(self, run: Run) -> None:
        """An operator ends a run that is queued or under way."""
        self._ended(run, "cancelled", "Cancelled" if run.state == "running" else None)
        self.settle()

    def pause(self, flow: str, paused: bool) -> None:
        """An operator pauses or resumes a flow."""
        (self.paused.add if paused else self.paused.discard)(flow)
        self.settle()

    def reload(self, generation: int) -> None:
        """Other flows are live from now on."""
        self.generation = generation
        self.settle()

    def redrive(self, run: Run) -> None:
        """A run of the flow as it is now takes the place of a dead one."""
        run.settled = "redriven"
        new = self._run(run.flow, run.event, run.lineage, run.key)
        new.place = run.place if run.key is not None else new.place
        self.settle()

    def skip(self, run: Run) -> None:
        """Nothing more is done about a dead run."""
        run.settled = "skipped"
        self.settle()

    def redrive_event(self, event: Arrival, flow: str) -> None:
        """An event starts its flow after all; nobody has waited for it."""
        event.outcomes[flow] = "ran"
        self._new(flow, event, _key(flow, event.data))
        self.settle()

    def skip_event(self, event: Arrival, flow: str) -> None:
        """Nothing more is done about an event that could not start a flow."""
        event.outcomes[flow] = "skipped"

    def advance(self, seconds: float) -> None:
        """Time passes."""
        until = self.now + seconds
        while (due := min(self._dues(), default=until)) < until:
            self.now = due
            for run in self.runs:
                if run.due == due:
                    run.due = None
            self.settle()
        self.now = until
        for run in self.in_state("running"):
            run.told = True

    def crash(self, *, blamed: bool) -> None:
        """The daemon dies and begins again. Whatever was begun may be blamed for it, if there
        was time to tell the store that it had begun."""
        active = [run for run in self.runs if run.active]
        for run in self.to_blame if blamed else []:
            run.crashes += 1
        self.suspects, self.trials = [], []
        for run in active:
            if not run.told:
                run.state = "queued"
        for run in [run for run in active if run.told]:
            self._take_up(run)
        for run in [run for run in active if run.crashes >= GIVEN_UP]:
            self._ended(run, "failed", "Quarantined")
        self.settle()

    # --- who begins -------------------------------------------------------------------------

    def settle(self) -> None:
        """Begin whatever may begin, until nothing more may."""
        while (run := self._next()) is not None:
            self._take_up(run)
        self._next_trial()

    def _next(self) -> Run | None:
        """The flow with the fewest active runs has its turn, and in it the oldest run."""
        active = Counter(run.flow for run in self.runs if run.active)
        queued = {run.flow for run in self.in_state("queued")}
        flows = sorted(queued, key=lambda flow: (active[flow], flow))
        ready = [run for flow in flows if self.free(flow) > 0 for run in self.ready(flow)[:1]]
        return ready[0] if ready else None

    def _take_up(self, run: Run) -> None:
        """A run has its place: it begins, goes on, or is held because it is a suspect."""
        run.state = "held" if SUSPECT <= run.crashes < GIVEN_UP else "running"
        if run.state == "held":
            self.suspects.append(run)
        elif run.crashes < SUSPECT:
            self._begins(run)

    def _begins(self, run: Run) -> None:
        run.state, run.since = "running", self.now
        if run.at == ("first", 1) and not run.told:
            self.begun.append(run.number)
        if run.due is not None and run.due <= self.now:
            run.due = None

    @property
    def tried(self) -> list[Run]:
        """The suspects on trial: until they have ended, or the daemon has survived them."""
        since, runs = self.trials[-1] if self.trials else (0.0, [])
        return [r for r in runs if r.state == "running" and self.now < since + TRIAL]

    @property
    def to_blame(self) -> list[Run]:
        """Whoever is under way, but not for long; those that survived a trial are not to
        blame while others are tried."""
        recent = [r for r in self.in_state("running") if self.now < r.since + ACQUITTED]
        cleared = [r for r in recent if r.crashes >= SUSPECT and r not in self.tried]
        return [run for run in recent if not self.tried or run not in cleared]

    def _next_trial(self) -> None:
        """Suspects are let loose a few at a time: one, two, four; those with the fewest
        crashes first, and whoever has more than it takes to be one alone."""
        if self.tried or not self.suspects:
            return
        fewest = min(run.crashes for run in self.suspects)
        alike = [run for run in self.suspects if run.crashes == fewest]
        several = alike[: 2 ** len(self.trials)] if fewest == SUSPECT else alike[:1]
        self.trials.append((self.now, several))
        for run in several:
            self.suspects.remove(run)
            self._begins(run)

    def _dues(self) -> list[float]:
        dues = [run.due for run in self.in_state("running") if run.due is not None]
        if self.tried and self.suspects:
            dues.append(self.trials[-1][0] + TRIAL)
        return dues

    # --- what is kept -----------------------------------------------------------------------

    def _is_known(self, source: str, id: str) -> bool:
        """Whether an event came before; then it has come once more."""
        for event in self.events:
            if (event.source, event.id) == (source, id):
                event.duplicates += 1
                return True
        return False

    def _store(
        self, source: str, id: str, type: str, data: Data, lineage: Sequence[str] = ()
    ) -> Arrival:
        outcomes = {flow: verdict(flow, type, data, lineage) for flow in self.live}
        event = Arrival(len(self.events), source, id, type, data, outcomes, lineage)
        self.events.append(event)
        return event

    def _arrive(self, source: str, id: str, type: str, data: Data) -> None:
        if not self._is_known(source, id):
            self._start_flows(self._store(source, id, type, data))

    def _start_flows(self, event: Arrival) -> None:
        for flow in self.live:
            if event.outcomes[flow] == "ran":
                self._new(flow, event, _key(flow, event.data))

    def _new(self, flow: str, event: Arrival, key: str | None) -> None:
        """A run that nobody has waited for begins at once, unless it would overtake."""
        run = self._run(flow, event, (*event.lineage, flow), key)
        if self.free(flow) > 0 and self.ready(flow) == [run]:
            self._take_up(run)

    def _run(self, flow: str, event: Arrival, lineage: Sequence[str], key: str | None) -> Run:
        count = len(self.runs)
        run = Run(count, flow, self.generation, event, key, count, lineage)
        self.runs.append(run)
        return run

    def _ended(self, run: Run, state: str, error: str | None) -> None:
        """A run ends, and not well: a flow listens to that, before its place is free."""
        if run in self.suspects:
            self.suspects.remove(run)
        data = {"state": state, "error": error}
        event = self._store(RUNS, "", FINISHED, data, run.lineage)
        event.run = run.number
        self._start_flows(event)
        run.state, run.error = state, error


def _key(flow: str, data: Data) -> str | None:
    return data.get("k") if flow in ORDERED else None
