"""What a run does that finds another of its flow, or of its key, under way."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from triphammer import Event, events, every, flow, task
from triphammer.flows.flow import Flow
from triphammer.sensors.codec import new_event
from triphammer.sensors.contract import Emission
from triphammer.service.store.contract import Page
from triphammer.testing import simulate
from triphammer.testing.simulation import Simulation

Step = tuple[float, str, str, int]
"""When, "begin" or "end", the key, the number within the key."""


class Diary:
    """What was done when, in virtual time, and how long a piece of work takes."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    @contextmanager
    def doing(self, key: str, n: int) -> Generator[None]:
        loop = asyncio.get_running_loop()
        self.steps.append((loop.time(), "begin", key, n))
        try:
            yield
        finally:
            self.steps.append((loop.time(), "end", key, n))

    def told(self) -> list[tuple[str, str, int]]:
        return [step[1:] for step in self.steps]


def worker(diary: Diary, **settings: Any) -> Flow[..., Any]:
    @task
    async def work(key: str, n: int, takes: float) -> int:
        with diary.doing(key, n):
            if takes < 0:
                raise LookupError("as told")
            await asyncio.sleep(takes)
        return n

    @flow(on=events(type="job"), **settings)
    def jobs(event: Event) -> Any:
        return work(event.data["key"], event.data["n"], event.data["takes"])

    return jobs


def job(n: int, key: str = "a", takes: float = 10.0) -> Event:
    data = {"key": key, "n": n, "takes": takes}
    return new_event(source="t", id=f"{key}.{n}", type="job", data=data, now=0)


def states(sim: Simulation) -> list[str]:
    rows = sim.call(sim.local.store.runs(Page(limit=100_000)))
    return [row.state for row in reversed(rows)]


def test_in_a_queue_one_goes_after_the_other_in_order() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="queue")) as sim:
        for n in range(4):
            sim.emit(job(n))
        sim.advance("35s")
        assert states(sim) == ["succeeded"] * 3 + ["running"]
        sim.advance("10s")
    assert diary.told() == [(what, "a", n) for n in range(4) for what in ("begin", "end")]


def test_a_failed_run_does_not_stop_its_queue() -> None:
    diary = Diary()
    with simulate(worker(diary, per="data.key")) as sim:
        sim.emit(job(0, takes=-1))
        sim.emit(job(1))
        sim.emit(job(2))
        sim.advance("30s")
        assert states(sim) == ["failed", "succeeded", "succeeded"]


def test_a_single_flow_begins_no_run_while_one_is_under_way() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="single")) as sim:
        first = sim.emit(job(0))
        assert sim.emit_all(job(1)) == []
        [skipped] = sim.call(sim.local.store.dispositions(job_key(sim, "a.1")))
        assert (skipped.outcome, skipped.run) == ("skipped", None)
        assert skipped.detail == f"mode='single': {first.id} has not ended"
        sim.advance("10s")
        sim.emit(job(2))
        sim.advance("10s")
        assert states(sim) == ["succeeded"] * 2


def test_a_single_flow_per_key_begins_one_run_a_key() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="single", per="data.key")) as sim:
        sim.emit(job(0, "a"))
        sim.emit(job(0, "b"))
        assert sim.emit_all(job(1, "a")) == []
        sim.advance("1s")
        assert states(sim) == ["running"] * 2


def test_of_two_events_in_one_batch_one_begins_a_single_run() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="single")) as sim:
        operations = sim.local.core.dispatcher
        accepted = sim.call(operations.emit("t", Emission(events=[job(0), job(1), job(2)])))
        assert [len(one.runs) for one in accepted] == [1, 0, 0]


def test_asked_for_by_hand_a_single_run_waits() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="single")) as sim:
        sim.emit(job(0))
        event = job(1)
        live = sim.local.core.dispatcher.catalog.flows["jobs"]
        request = sim.local.core.dispatcher.request(
            live, {}, by="test", source="t", id="1", event=event
        )
        sim.call(request)
        sim.advance("1s")
        assert states(sim) == ["running", "queued"]
        sim.advance("20s")
        assert states(sim) == ["succeeded"] * 2


def test_a_late_tick_waits_for_the_one_before_it() -> None:
    begun = list[float]()

    @task
    async def slow() -> None:
        begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(45 if len(begun) == 1 else 5)

    @flow(on=every("30s"))
    def ticking() -> None:
        slow()

    with simulate(ticking) as sim:
        sim.advance("95s")
        assert states(sim) == ["succeeded"] * 3
    assert begun == [30, 75, 90]


def test_a_restart_ends_the_run_before_it_first() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="restart")) as sim:
        sim.emit(job(0))
        sim.advance("3s")
        sim.emit(job(1))
        sim.advance("3s")
        sim.emit(job(2))
        sim.advance("10s")
        assert states(sim) == ["cancelled", "cancelled", "succeeded"]
        old, _, last = sim.runs()
        assert old.error is not None
        assert "took over: mode='restart'" in old.error.message
        assert last.row.started_at is not None
        assert old.row.finished_at is not None
    assert diary.told() == [(what, "a", n) for n in range(3) for what in ("begin", "end")]


@pytest.mark.parametrize("settings", [{}, {"per": "data.key"}])
def test_a_restart_ends_what_waits_too(settings: Any) -> None:
    diary = Diary()
    with simulate(worker(diary, mode="restart", **settings)) as sim:
        emission = Emission(events=[job(n) for n in range(4)])
        sim.call(sim.local.core.dispatcher.emit("t", emission))
        sim.advance("30s")
        assert states(sim)[-1] == "succeeded"
        assert set(states(sim)[:-1]) <= {"cancelled", "superseded"}
        sim.emit(job(9))
        sim.advance("30s")
        assert states(sim)[-1] == "succeeded"
    assert [step for step in diary.told() if step[2] in (1, 2)] == []


def test_a_restart_per_key_leaves_other_keys_alone() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="restart", per="data.key")) as sim:
        for key in "ab":
            sim.emit(job(0, key))
        sim.emit(job(1, "a"))
        sim.advance("20s")
        assert states(sim) == ["cancelled", "succeeded", "succeeded"]


@pytest.mark.parametrize("mode", ["queue", "single", "restart"])
def test_no_two_runs_of_a_key_overlap_whatever_comes(mode: str) -> None:
    diary, random = Diary(), Random(4)
    with simulate(worker(diary, mode=mode, per="data.key", max_runs=5)) as sim:
        for n in range(300):
            sim.emit_all(job(n, random.choice("abcdefghij"), random.choice([-1, 0, 1, 7, 30])))
            sim.advance(random.choice([0, 0, 1, 5]))
        sim.advance("1h")
        assert not {"running", "queued"} & set(states(sim))
    never_overlapping(diary, 5)


@pytest.mark.parametrize(
    ("keys", "each", "places"),
    [(60, 10, 8), pytest.param(1000, 20, 50, marks=pytest.mark.slow)],
)
def test_many_keys_use_the_places_there_are(keys: int, each: int, places: int) -> None:
    diary, random = Diary(), Random(7)
    jobs = [(n, f"k{key}") for n in range(each) for key in range(keys)]
    random.shuffle(jobs)
    events = [job(n, key, random.uniform(1, 9)) for n, key in jobs]
    with simulate(worker(diary, per="data.key", max_runs=places)) as sim:
        for start in range(0, len(events), 200):
            emission = Emission(events=events[start : start + 200])
            sim.call(sim.local.core.dispatcher.emit("t", emission))
        sim.advance("3h")
        assert Counter(states(sim)) == {"succeeded": keys * each}
    never_overlapping(diary, places)
    begins = {step[2:]: step[0] for step in diary.steps if step[1] == "begin"}
    busy = sum(step[0] - begins[step[2:]] for step in diary.steps if step[1] == "end")
    assert busy >= 0.9 * places * (diary.steps[-1][0] - diary.steps[0][0])
    assert _by_key((key, n) for _, what, key, n in diary.steps if what == "begin") == _by_key(
        (key, n) for n, key in jobs
    )


def _by_key(pairs: Iterable[tuple[str, int]]) -> Mapping[str, Sequence[int]]:
    found = defaultdict[str, list[int]](list)
    for key, n in pairs:
        found[key].append(n)
    return found


def never_overlapping(diary: Diary, places: int) -> None:
    active = set[str]()
    for _, what, key, _ in diary.steps:
        if what == "begin":
            assert key not in active
            active.add(key)
            assert len(active) <= places
        else:
            active.remove(key)
    assert not active


def job_key(sim: Simulation, id: str) -> str:
    row = sim.call(sim.local.store.event_by_id("t", id))
    assert row is not None
    return row.event.key
