"""Everything at once: sources, tasks, operators, reloads and crashes, each taking its time, from
one seed. What happened is a trace, in which runs and events are numbers."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from random import Random
from typing import Any

import anyio

from tests.chaos.dispatch_flows import any_event, generations
from tests.chaos.dispatch_judge import Judge, all_runs
from tests.chaos.dispatch_reference import FLOWS, PLACES, Told
from tests.chaos.dispatch_world import World
from tests.chaos.regime import say_command
from triphammer.config.errors import TriphammerError
from triphammer.flows.executors.contract import Attempt
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Accepted, Emission
from triphammer.sensors.event import Event
from triphammer.service.errors import UnknownFlow

STEPS = 200
AT_ONCE = (1, 1, 2, 4)
PAUSES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
LATENCIES = (0.0, 0.001, 0.003, 0.01, 0.05)
"""Seconds that a call to the database takes before its effect, and until its answer."""
TABLES = {
    "events": "SELECT seq, source, type, received_at, data, catalog FROM events"
    " WHERE source != 'triphammer/runs' ORDER BY seq",
    "dispositions": "SELECT d.seq, e.seq, d.flow, d.outcome, r.seq FROM dispositions d"
    " JOIN events e ON e.key = d.event LEFT JOIN runs r ON r.id = d.run ORDER BY d.seq",
    "runs": "SELECT r.seq, r.flow, r.version, r.state, r.epoch, e.seq, r.created_at,"
    " r.started_at, r.finished_at, r.result, r.order_key, r.holds, r.place, r.settled, r.crashes"
    " FROM runs r JOIN events e ON e.key = r.event ORDER BY r.seq",
    "tasks": "SELECT seq, run, name, state, attempt, started_at, finished_at, due_at, result"
    " FROM tasks ORDER BY seq",
    "attempts": "SELECT seq, run, task, attempt, started_at, finished_at FROM attempts"
    " ORDER BY seq",
}
"""All that the store holds but for ids."""


class Races:
    """One world, driven at random."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"what happens {seed}")
        slow = Random(f"how long it takes {seed}")
        self.judge = Judge()
        self.trace: list[tuple[Any, ...]] = []
        self.made = 0
        self.sending: dict[int, Sequence[Told]] = {}
        self.sources: dict[int, anyio.CancelScope] = {}
        self.pausing: set[str] = set()
        self.asked: set[asyncio.Task[Any]] = set()
        self.world = World(
            generations(),
            seed=seed,
            latency=lambda: slow.choice(LATENCIES),
            begun=self._begins,
        )

    # --- the whole ----------------------------------------------------------------------------

    def play(self, steps: int) -> Sequence[tuple[Any, ...]]:
        """Do so many things, then let everything end; the trace."""
        self._begin(())
        try:
            self._play(steps)
        finally:
            self.world.close()
        return self.trace

    def _play(self, steps: int) -> None:
        for step in range(steps):
            for _ in range(self.random.choice(AT_ONCE)):
                self._act()
            self.world.settle(self.random.choice(PAUSES))
            if step % 25 == 24:
                self._quiet()
        self._drain()
        self._note_tables()

    def _act(self) -> None:
        acts: Sequence[tuple[Callable[[], None], int]] = (
            (self._emit, 30),
            (self._restart_source, 5),
            (self._end, 60),
            (self._cancel, 12),
            (self._pause, 6),
            (self._deal_with_run, 10),
            (self._deal_with_event, 5),
            (self._start, 3),
            (self._reload, 2),
            (self._crash, 1),
        )
        ((act, _),) = self.random.choices(acts, [weight for _, weight in acts])
        if self.world.life.serves or act == self._crash:
            act()

    def _quiet(self) -> None:
        """Wait until nothing is under way but tasks, and look."""
        self.world.settle(2)
        self.judge.all_is_well(self.world)

    def _drain(self) -> None:
        """Everything ends well from now on, and nothing is left."""
        for generation in range(len(PLACES)):
            self._ask("reload", partial(self._reloaded, generation))
            self.world.settle(2)
            for flow in list(self.judge.paused):
                self._set_paused(flow, False)
            self.world.settle(2)
        while not self._all_ended():
            self._go_on()
        self.judge.all_is_well(self.world)

    def _go_on(self) -> None:
        redrive, before = self.world.life.redrive, self._progress()
        for row in all_runs(self.world):
            if row.state == "failed" and row.settled is None:
                self._ask("skip", partial(redrive.skip_run, row.id))
        for attempt in list(self.world.life.desk.open):
            self.world.end(attempt, well=True)
        self.world.settle(15)  # that is enough for retries and suspects
        assert self._progress() != before, "nobody goes on"

    def _progress(self) -> Sequence[Any]:
        done = self.world.rows("SELECT count(*) FROM tasks WHERE state = 'succeeded'")
        return [all_runs(self.world), done, list(self.sending), list(self.world.life.desk.open)]

    def _all_ended(self) -> bool:
        return not self.sending and all(row.ended for row in all_runs(self.world))

    # --- what is done -------------------------------------------------------------------------

    def _emit(self) -> None:
        told = [self._an_event() for _ in range(self.random.choice((1, 1, 2, 4)))]
        if self.random.random() < 0.3:
            self._ask("post", partial(self._post, told))
        else:
            self._send(told)

    def _an_event(self) -> Told:
        self.made += self.random.random() < 0.8
        return any_event(self.random, str(self.made))

    def _restart_source(self) -> None:
        """A source is stopped while it emits, and emits again: it knows of no answer."""
        if self.sending:
            number = self.random.choice(list(self.sending))
            if number in self.sources:
                self.world.loop.call_soon(self.sources.pop(number).cancel)
            self._ask("send", partial(self._sent, number))

    def _send(self, told: Sequence[Told]) -> None:
        """A source emits, and again after a crash, until it is told that it is stored."""
        number = len(self.sending) if not self.sending else max(self.sending) + 1
        self.sending[number] = told
        self._ask("send", partial(self._sent, number))

    async def _sent(self, number: int) -> None:
        emit = self.world.life.core.dispatcher.emit
        with anyio.CancelScope() as self.sources[number]:
            emission = Emission(events=self._events(self.sending.get(number, ())))
            self._acknowledge(await emit("sensor", emission))
            self.sending.pop(number, None)

    async def _post(self, told: Sequence[Told]) -> None:
        self._acknowledge(await self.world.life.operations.post(self._events(told)))

    def _events(self, told: Sequence[Told]) -> list[Event]:
        now = self.world.clock.now()
        return [new_event(id=i, source="s", type=t, data=d, now=now) for i, t, d in told]

    def _acknowledge(self, accepted: Sequence[Accepted]) -> None:
        for one in accepted:
            self.judge.acknowledged[one.source, one.id] = one.key
            self._note("accepted", one.id, one.duplicate, len(one.runs))

    def _end(self) -> None:
        open = list(self.world.life.desk.open)
        if open:
            attempt, well = self.random.choice(open), self.random.random() < 0.7
            self._note("ends", self._number(attempt.run), attempt.task, attempt.attempt, well)
            self.world.end(attempt, well=well)

    def _cancel(self) -> None:
        open = [row.id for row in all_runs(self.world) if not row.ended]
        if open:
            run = self.random.choice(open)
            self.judge.cancelling.add(run)
            self._ask("cancel", partial(self._cancelled, run))

    async def _cancelled(self, run: str) -> None:
        await self.world.life.operations.cancel(run)
        self.judge.cancelled.add(run)

    def _pause(self) -> None:
        self._set_paused(self.random.choice(FLOWS), self.random.random() < 0.4)

    def _set_paused(self, flow: str, paused: bool) -> None:
        if flow not in self.pausing:
            self.pausing.add(flow)
            self._ask("pause" if paused else "resume", partial(self._paused, flow, paused))

    async def _paused(self, flow: str, paused: bool) -> None:
        """While one is under way nobody can say whether the flow is paused."""
        operations = self.world.life.operations
        since = self.judge.paused.pop(flow, None)
        try:
            await (operations.pause(flow) if paused else operations.resume(flow))
        except UnknownFlow:
            paused = since is not None
        finally:
            self.pausing.discard(flow)
        if paused:
            self.judge.paused[flow] = self.world.loop.time()

    def _deal_with_run(self) -> None:
        dead = [r.id for r in all_runs(self.world) if r.state == "failed" and r.settled is None]
        if dead:
            redrive = self.world.life.redrive
            act = self.random.choice((redrive.run, redrive.skip_run))
            self._ask("deal with run", partial(act, self.random.choice(dead)))

    def _deal_with_event(self) -> None:
        dead = self.world.rows(
            "SELECT event, subscription FROM dispositions"
            " WHERE outcome IN ('dead-lettered', 'error') ORDER BY seq"
        )
        if dead:
            redrive = self.world.life.redrive
            act = self.random.choice((redrive.event, redrive.skip_event))
            self._ask("deal with event", partial(act, *self.random.choice(dead)))

    def _start(self) -> None:
        start, key = self.world.life.operations.start, self.random.choice("pqrstuvw")
        self._ask("start", partial(start, "told", {}, by="races", key=key))

    def _reload(self) -> None:
        generation = self.random.randrange(len(PLACES))
        self._ask("reload", partial(self._reloaded, generation))

    async def _reloaded(self, generation: int) -> None:
        await self.world.reload(generation)
        self.judge.goes_live(self.world)

    # --- lives --------------------------------------------------------------------------------

    def _crash(self) -> None:
        left = self.world.crash()
        for task in self.asked:
            task.cancel()
        self.world.loop.run_for(0)
        self.asked.clear()
        self.pausing.clear()
        blamed = self.random.random() < 0.5
        self._note("crash", blamed)
        self._begin(left if blamed else ())

    def _begin(self, left: Sequence[str]) -> None:
        self.world.begin(left)
        self.judge.life_begins(self.world)
        for number in list(self.sending):
            self._ask("send", partial(self._sent, number))

    def _ask(self, name: str, ask: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Let somebody ask for something, and go on meanwhile."""
        task = self.world.spawn(self._asked(name, ask))
        self.asked.add(task)
        task.add_done_callback(self.asked.discard)

    async def _asked(self, name: str, ask: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._note(name)
        try:
            await ask()
        except TriphammerError as error:
            self._note(name, type(error).__name__)
        else:
            self._note(name, "done")

    # --- the trace ------------------------------------------------------------------------------

    def _begins(self, attempt: Attempt) -> None:
        id = attempt.id
        self._note("begins", self._number(id.run), attempt.flow, id.task, id.attempt, id.epoch)
        self.judge.begins(self.world, attempt)

    def _number(self, run: str) -> int:
        """The run's place in the order of their making: ids are drawn by chance."""
        return int(self.world.rows("SELECT seq FROM runs WHERE id = ?", run)[0][0])

    def _note(self, *what: Any) -> None:
        self.trace.append((self.world.clock.now(), *what))

    def _note_tables(self) -> None:
        for table, sql in TABLES.items():
            self.trace += [(table, *row) for row in self.world.rows(sql)]


def digest(trace: Sequence[tuple[Any, ...]]) -> str:
    """A trace in short: equal for equal traces, in whatever process."""
    return hashlib.sha256(repr(trace).encode()).hexdigest()


def main() -> None:
    """The long version, by hand: worlds from seed on, the trace of each in short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    given = parser.parse_args()
    say_command("dispatch_races", given)
    for seed in range(given.seed, given.seed + given.worlds):
        print(seed, flush=True)
        print(digest(Races(seed).play(given.steps)), flush=True)


if __name__ == "__main__":
    main()
