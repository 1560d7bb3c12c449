"""Dispatch and flow control beside a brute-force reference: whatever is done, in whatever
order, events have the outcomes and runs the states that plain lists say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.chaos.dispatch_flows import any_event, generations
from tests.chaos.dispatch_reference import FINISHED, FLOWS, OPEN, PLACES, Reference, Run, Told
from tests.chaos.dispatch_world import ACTIVE_RUNS, QUEUED_RUNS, SETTLING, World
from tests.chaos.regime import seed, times
from triphammer.config.errors import TriphammerError
from triphammer.flows.executors.contract import Attempt
from triphammer.sensors.codec import new_event
from triphammer.sensors.errors import Overloaded
from triphammer.service.dispatcher.explain import filtered
from triphammer.service.store.contract import EventRow, Page, RunRow, Store

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
T = TypeVar("T")
ALL = Page(limit=10_000)
LONG = 22.0
"""Seconds after which retries and suspects have had their turn."""


# Of few identities, so that some are duplicates.
events = st.builds(any_event, st.randoms(), st.integers(0, 60).map(str))
which = st.integers(0, 1_000_000)
well = st.sampled_from([True, True, False])


class DispatchMachine(RuleBasedStateMachine):
    """Does everything twice: to the product and to the reference."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.ids: list[str] = []
        self.filtered: dict[str, Sequence[str]] = {}
        self.world = World(generations(), seed=1, begun=self._begins)
        self.reference = Reference(ACTIVE_RUNS, QUEUED_RUNS)

    def _begins(self, attempt: Attempt) -> None:
        """I3: what has succeeded is never begun again."""
        found = self.world.rows(
            "SELECT 1 FROM runs JOIN tasks ON tasks.run = runs.seq"
            " WHERE runs.id = ? AND tasks.name = ? AND tasks.state = 'succeeded'",
            attempt.id.run,
            attempt.id.task,
        )
        assert not found
        self.begun.append(attempt.id.run)

    @initialize()
    def begin(self) -> None:
        self.world.begin()
        self.world.settle(SETTLING)

    # --- events -----------------------------------------------------------------------------

    @rule(told=st.lists(events, min_size=1, max_size=4))
    def emit(self, told: list[Told]) -> None:
        now = self.world.clock.now()
        made = [new_event(id=id, source="s", type=t, data=d, now=now) for id, t, d in told]
        if self._unless_congested(lambda: self.world.life.operations.post(made)):
            self.reference.emit(told)

    @rule(key=st.sampled_from("pqrstu"))
    def start(self, key: str) -> None:
        start = self.world.life.operations.start
        if self._unless_congested(lambda: start("told", {}, by="model", key=key)):
            self.reference.request("told", f"told/{key}")

    def _unless_congested(self, act: Callable[[], Any]) -> bool:
        """I7: what is refused because too much waits is not lost, since nobody took it."""
        if not self.reference.congested:
            self.world.call(act())
            return True
        with pytest.raises(Overloaded):
            self.world.call(act())
        return False

    # --- tasks and time -----------------------------------------------------------------------

    @precondition(lambda self: self.reference.under_way)
    @rule(ends=st.lists(st.tuples(which, well), min_size=1, max_size=4))
    def end(self, ends: list[tuple[int, bool]]) -> None:
        for number, ends_well in ends:
            if self.reference.under_way:
                self._end(_choose(self.reference.under_way, number), ends_well)

    def _end(self, run: Run, ends_well: bool) -> None:
        (attempt,) = [id for id in self.world.life.desk.open if id.run == self._id(run.number)]
        self.world.end(attempt, well=ends_well)
        self.reference.end(run, well=ends_well)

    @rule(seconds=st.sampled_from([1.1, 4.4, LONG]))
    def advance(self, seconds: float) -> None:
        self.world.settle(seconds)
        self.reference.advance(seconds)

    # --- operators ----------------------------------------------------------------------------

    @precondition(lambda self: self.reference.in_state(*OPEN))
    @rule(number=which)
    def cancel(self, number: int) -> None:
        run = _choose(self.reference.in_state(*OPEN), number)
        self.world.call(self.world.life.operations.cancel(self._id(run.number)))
        self.reference.cancel(run)

    @rule(flow=st.sampled_from(FLOWS), paused=st.booleans())
    def pause(self, flow: str, paused: bool) -> None:
        operations = self.world.life.operations
        act = operations.pause if paused else operations.resume
        has_runs = any(run.flow == flow for run in self.reference.runs)
        if self._unless_unknown(flow, lambda: act(flow), also=has_runs):
            self.reference.pause(flow, paused)

    @precondition(lambda self: self.reference.dead)
    @rule(number=which)
    def redrive(self, number: int) -> None:
        run = _choose(self.reference.dead, number)
        redrive = self.world.life.redrive.run
        if self._unless_unknown(run.flow, lambda: redrive(self._id(run.number))):
            self.reference.redrive(run)

    @precondition(lambda self: self.reference.dead)
    @rule(number=which)
    def skip(self, number: int) -> None:
        run = _choose(self.reference.dead, number)
        self.world.call(self.world.life.redrive.skip_run(self._id(run.number)))
        self.reference.skip(run)

    @precondition(lambda self: self.reference.dead_events)
    @rule(number=which)
    def redrive_event(self, number: int) -> None:
        event, flow = _choose(self.reference.dead_events, number)
        redrive, key = self.world.life.redrive.event, self._key(event.number)
        if flow in self.reference.live and event.outcomes[flow] == "dead-lettered":
            with pytest.raises(TriphammerError):  # its data fits no better than before
                self.world.call(redrive(key, flow))
        elif self._unless_unknown(flow, lambda: redrive(key, flow)):
            self.reference.redrive_event(event, flow)

    @precondition(lambda self: self.reference.dead_events)
    @rule(number=which)
    def skip_event(self, number: int) -> None:
        event, flow = _choose(self.reference.dead_events, number)
        self.world.call(self.world.life.redrive.skip_event(self._key(event.number), flow))
        self.reference.skip_event(event, flow)

    def _unless_unknown(self, flow: str, act: Callable[[], Any], *, also: bool = False) -> bool:
        """Whether the flow is live, or known otherwise; what is about another one is refused."""
        if also or flow in self.reference.live:
            self.world.call(act())
            return True
        with pytest.raises(TriphammerError, match="no flow is named"):
            self.world.call(act())
        return False

    # --- the daemon ---------------------------------------------------------------------------

    @rule(generation=st.integers(0, len(PLACES) - 1))
    def reload(self, generation: int) -> None:
        self.world.call(self.world.reload(generation))
        self.reference.reload(generation)

    @rule(blamed=st.booleans())
    def crash(self, blamed: bool) -> None:
        if blamed:
            self.advance(1.1)
        left = self.world.crash()
        self.world.begin(left if blamed else ())
        self.world.settle(SETTLING)
        self.reference.now += SETTLING
        self.reference.crash(blamed=blamed)

    def teardown(self) -> None:
        if self.world.lives:
            try:
                self.drain()
            finally:
                self.world.close()

    def drain(self) -> None:
        """I7: whatever was held back was not lost: in the end every run has ended."""
        for generation, flows in enumerate(PLACES):
            self.reload(generation)
            for flow in flows:
                self.pause(flow, False)
        while open := self.reference.in_state(*OPEN):
            for _ in self.reference.dead:
                self.skip(0)
            for _ in self.reference.under_way:
                self.end([(0, True)])
            self.advance(LONG)
            assert self.reference.in_state(*OPEN) != open or self.reference.under_way
        self.all_is_as_the_reference_says()

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def all_is_as_the_reference_says(self) -> None:
        if self.world.lives:
            rows = list(reversed(self.world.call(self._store.runs(ALL))))
            self.ids = [row.id for row in rows]
            assert [_shown(row) for row in rows] == [_told(run) for run in self.reference.runs]
            self._check_attempts()
            self._check_order()
            self._check_events()
            self._check_counts()

    def _check_attempts(self) -> None:
        """I2: what is under way is what should be, and once."""
        open = [(id.run, id.task, id.attempt) for id in self.world.life.desk.open]
        wanted = [(self.ids[run.number], *run.at) for run in self.reference.under_way]
        assert sorted(open) == sorted(wanted)

    def _check_order(self) -> None:
        """The runs of a flow begin in order."""
        numbers = {id: number for number, id in enumerate(self.ids)}
        runs = self.reference.runs
        begun = dict.fromkeys(numbers[run] for run in self.begun)
        wanted = dict.fromkeys(self.reference.begun)
        for flow in FLOWS:
            of_flow = [number for number in begun if runs[number].flow == flow]
            assert of_flow == [number for number in wanted if runs[number].flow == flow]

    def _check_events(self) -> None:
        """I1, I6: what was accepted is there, once, with one outcome a subscription."""
        stored = list(reversed(self.world.call(self._store.events(ALL))))
        stored = [row for row in stored if not self._is_unheard(row)]
        assert len(stored) == len(self.reference.events)
        for row, event in zip(stored, self.reference.events, strict=True):
            id = event.id if event.run is None else self.ids[event.run]
            assert (row.event.source, row.event.id) == (event.source, id)
            assert row.duplicates == event.duplicates
            assert self._outcomes(row) == sorted(event.outcomes.items())

    def _is_unheard(self, row: EventRow) -> bool:
        """The good end of a run: nobody listens to that, so that it may be kept or not."""
        return row.event.type == FINISHED and row.event.data["state"] == "succeeded"

    def _outcomes(self, row: EventRow) -> list[tuple[str, str]]:
        key = row.event.key
        if key not in self.filtered:
            catalog = self.world.call(self._store.catalog(row.catalog or ""))
            assert catalog is not None
            self.filtered[key] = [flow for flow, _ in filtered(catalog, row.event)]
        stored = self.world.call(self._store.dispositions(key))
        told = [(one.subscription, one.outcome) for one in stored]
        return sorted([*told, *((flow, "filtered") for flow in self.filtered[key])])

    def _check_counts(self) -> None:
        """What is counted in memory is what there is."""
        core, runs = self.world.life.core, self.reference.runs
        for flow in FLOWS:
            states = [run.state for run in runs if run.flow == flow]
            assert core.starter.queued_of(flow) == states.count("queued")
            active = states.count("held") + states.count("running")
            assert core.admission.active_of(flow) == active
        assert core.dispatcher.congested == self.reference.congested

    @property
    def _store(self) -> Store:
        return self.world.life.core.edges.store

    def _id(self, run: int) -> str:
        return str(self.world.rows("SELECT id FROM runs ORDER BY seq LIMIT 1 OFFSET ?", run)[0][0])

    def _key(self, event: int) -> str:
        told = self.reference.events[event]
        id = told.id if told.run is None else self._id(told.run)
        sql = "SELECT key FROM events WHERE source = ? AND id = ?"
        return str(self.world.rows(sql, told.source, id)[0][0])


def _shown(row: RunRow) -> tuple[Any, ...]:
    """A run as the store has it. Whether it has begun its attempts tell."""
    key = None if row.order_key is None else msgspec.json.decode(row.order_key)
    result = None if row.result is None else msgspec.json.decode(row.result.body)
    error = None if row.error is None else row.error.type
    state = "open" if row.state in OPEN else row.state
    version = row.version == generations()[1]["plain"].version
    return row.flow, version, state, key, result, error, row.crashes, row.settled, row.lineage


def _told(run: Run) -> tuple[Any, ...]:
    state = "open" if run.state in OPEN else run.state
    shown = (run.flow, run.generation == 1, state, run.key, run.result, run.error)
    return (*shown, run.crashes, run.settled, run.lineage)


def _choose(among: Sequence[T], number: int) -> T:
    return among[number % len(among)]


def play(seed: int, steps: int) -> None:
    """A longer history than hypothesis makes, in which much happens."""
    random, machine = Random(seed), DispatchMachine()

    def number() -> int:
        return random.randrange(1_000_000)

    def emit() -> None:
        ids = (str(random.randrange(200)) for _ in range(random.randint(1, 3)))
        machine.emit([any_event(random, id) for id in ids])

    def end() -> None:
        machine.end([(number(), number() % 3 > 0) for _ in range(random.randint(1, 4))])

    reference = machine.reference
    acts: Sequence[tuple[int, Callable[[], object], Callable[[], object]]] = (
        (12, lambda: True, emit),
        (1, lambda: True, lambda: machine.start(random.choice("pqrstu"))),
        (20, lambda: reference.under_way, end),
        (6, lambda: True, lambda: machine.advance(random.choice((1.1, 4.4, LONG)))),
        (4, lambda: reference.in_state(*OPEN), lambda: machine.cancel(number())),
        (4, lambda: True, lambda: machine.pause(random.choice(FLOWS), number() % 4 == 0)),
        (4, lambda: reference.dead, lambda: machine.redrive(number())),
        (2, lambda: reference.dead, lambda: machine.skip(number())),
        (2, lambda: reference.dead_events, lambda: machine.redrive_event(number())),
        (1, lambda: reference.dead_events, lambda: machine.skip_event(number())),
        (1, lambda: True, lambda: machine.reload(number() % len(PLACES))),
        (3, lambda: True, lambda: machine.crash(number() % 3 > 0)),
    )
    machine.begin()
    try:
        for _ in range(steps):
            ((_, may, act),) = random.choices(acts, [weight for weight, *_ in acts])
            if may():
                act()
                machine.all_is_as_the_reference_says()
    except BaseException:
        machine.world.close()
        raise
    machine.teardown()


def test_long_histories() -> None:
    first = seed()
    for number in range(first, first + times(5)):
        print(f"seed {number}")
        play(number, steps=150)


TestDispatch = DispatchMachine.TestCase
TestDispatch.settings = settings(
    max_examples=times(25),
    stateful_step_count=40,
    # To explain a failure takes longer than to find it.
    phases=[phase for phase in settings().phases if phase is not Phase.explain],
)
