"""Runs that an operator has begin again: their place, their mode, what the end of one tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.dispatcher.test_modes import Diary, job, never_overlapping, states, worker
from triphammer import Event, context, events, finished, flow, publish, send_webhook, start, task
from triphammer.flows.errors import UnknownTask
from triphammer.sensors.codec import new_event
from triphammer.service.dispatcher.retry import Asked
from triphammer.service.errors import StateForbids, UnknownRun
from triphammer.service.store.contract import Page, SkipRun
from triphammer.testing import simulate


def tick(n: int = 0, **data: Any) -> Event:
    return new_event(source="t", id=f"tick{n}", type="tick", data={"n": n, **data}, now=0)


def flaky(until: int, **options: Any) -> Any:
    """A flow whose second task fails until it was retried so many times."""
    seen: list[tuple[str, int]] = []

    @task
    def first() -> int:
        seen.append(("first", context().attempt))
        return 1

    @task(**options)
    def second(value: int) -> int:
        seen.append(("second", context().attempt))
        if len({a for name, a in seen if name == "second"}) <= until:
            raise LookupError("not yet")
        return value + 1

    @flow(on=events(type="tick"))
    def shaky() -> object:
        return second(first())

    return shaky, seen


def test_only_what_failed_runs_again_as_a_new_attempt() -> None:
    shaky, seen = flaky(1)
    with simulate(shaky) as sim:
        run = sim.emit(tick())
        assert run.state == "failed"
        sim.retry(run, failed_only=True)
        assert (run.state, run.result) == ("succeeded", 2)
        assert run.task("second").attempt == 2
        [failed] = sim.call(sim.local.store.failed_attempts(run.id))
        assert (failed.task, failed.attempt) == ("second", 1)
        sim.retry(run)
        assert run.state == "succeeded"
        sim.retry(run, "second")
        done = sim.call(sim.local.store.operations(run.id))
    assert seen == [
        *[("first", 1), ("second", 1), ("second", 2)],
        *[("first", 2), ("second", 3), ("second", 4)],
    ]
    assert [(o.by, o.what, o.detail) for o in done] == [
        ("test", "retry", "what failed"),
        ("test", "retry", "all"),
        ("test", "retry", "all from second on"),
    ]


def test_each_time_there_are_as_many_retries_as_at_first() -> None:
    shaky, seen = flaky(5, retries=2, backoff="1s")
    with simulate(shaky) as sim:
        run = sim.emit(tick())
        sim.advance("1m")
        assert (run.state, run.task("second").attempt) == ("failed", 3)
        sim.retry(run, failed_only=True)
        sim.advance("1m")
        assert (run.state, run.task("second").attempt) == ("succeeded", 6)
    assert seen.count(("first", 1)) == 1


def test_what_cannot_be_retried_says_why() -> None:
    diary = Diary()
    with simulate(worker(diary)) as sim:
        run = sim.emit(job(0))
        sim.advance("1s")
        with pytest.raises(StateForbids, match="has not ended: it is running"):
            sim.retry(run)
        sim.advance("20s")
        with pytest.raises(StateForbids, match=r"nothing has failed in run .*: it succeeded"):
            sim.retry(run, failed_only=True)
        with pytest.raises(UnknownTask, match="did you mean 'work'"):
            sim.retry(run, "werk")
        with pytest.raises(UnknownRun):
            sim.call(sim.local.core.retry.run("run_none", Asked(by="me")))
        assert run.state == "succeeded"


def test_with_the_same_key_it_is_retried_once() -> None:
    shaky, seen = flaky(0)
    with simulate(shaky) as sim:
        run, asked = sim.emit(tick()), Asked(by="me", key="k")
        for _ in range(3):
            sim.call(sim.local.core.retry.run(run.id, asked))
            sim.advance(0)
        assert run.row.retried == 1
    assert len(seen) == 4


def test_the_version_that_it_began_with_is_gone() -> None:
    shaky, _ = flaky(1)
    with simulate(shaky) as sim:
        run = sim.emit(tick())
        sim.local.core.library.live.clear()
        with pytest.raises(StateForbids, match=r"as it began: version .* of flow shaky"):
            sim.retry(run)


def test_a_cancelled_run_goes_on_where_it_was_cut_off() -> None:
    diary = Diary()
    with simulate(worker(diary)) as sim:
        run = sim.emit(job(0))
        sim.advance("3s")
        sim.cancel(run)
        sim.advance("1s")
        assert run.state == "cancelled"
        sim.retry(run, failed_only=True)
        sim.advance("20s")
        assert (run.state, run.task("work").attempt) == ("succeeded", 2)


# --- beside others -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["queue", "single"])
def test_it_waits_for_the_run_of_its_key_that_is_under_way(mode: str) -> None:
    diary = Diary()
    with simulate(worker(diary, mode=mode, per="data.key", max_runs=5)) as sim:
        first = sim.emit(job(0))
        sim.advance("11s")
        sim.emit(job(1))
        sim.retry(first)
        if mode == "queue":
            sim.emit(job(2))
        sim.advance("1s")
        assert states(sim)[:2] == ["queued", "running"]
        sim.advance("1m")
        assert set(states(sim)) == {"succeeded"}
    order = [0, 1, 0, 2] if mode == "queue" else [0, 1, 0]
    assert [n for what, _, n in diary.told() if what == "begin"] == order
    never_overlapping(diary, 5)


def test_it_takes_over_where_runs_restart() -> None:
    diary = Diary()
    with simulate(worker(diary, mode="restart")) as sim:
        first = sim.emit(job(0))
        sim.advance("11s")
        sim.emit(job(1))
        sim.advance("1s")
        sim.retry(first)
        sim.advance("1m")
        assert states(sim) == ["succeeded", "cancelled"]
    never_overlapping(diary, 1)


def test_within_the_limits_of_its_flow() -> None:
    diary = Diary()
    with simulate(worker(diary, max_runs=2)) as sim:
        runs = [sim.emit(job(n, key=f"k{n}", takes=-1)) for n in range(4)]
        others = [sim.emit(job(n, key=f"k{n}")) for n in range(4, 6)]
        for run in runs:
            sim.retry(run)
        sim.advance("1s")
        assert states(sim) == ["queued"] * 4 + ["running"] * 2
        sim.local.core.admission.pause("jobs", True)
        sim.advance("1m")
        assert states(sim)[:4] == ["queued"] * 4, "paused"
        sim.local.core.admission.pause("jobs", False)
        sim.local.core.starter.touch_all()
        sim.advance("1m")
        assert states(sim) == ["failed"] * 4 + ["succeeded"] * 2
        assert sim.local.core.starter.queued == 0
        assert [run.row.retried for run in (*runs, *others)] == [1] * 4 + [0] * 2


def ordered(mended: list[bool]) -> Any:
    @task
    def book(n: int) -> int:
        if n == 0 and not mended:
            raise LookupError("no such customer")
        return n

    @flow(on=events(type="tick"), order_by="data.key")
    def orders(event: Event) -> object:
        return book(event.data["n"])

    return orders


def test_a_dead_letter_that_parks_its_key_lets_it_go_when_the_retry_ends_well() -> None:
    mended: list[bool] = []
    with simulate(ordered(mended)) as sim:
        first = sim.emit(tick(0, key="a"))
        sim.emit(tick(1, key="a"))
        assert states(sim) == ["failed", "queued"]
        sim.retry(first)
        assert states(sim) == ["failed", "queued"], "it holds its key as before"
        mended.append(True)
        sim.retry(first, failed_only=True)
        assert states(sim) == ["succeeded"] * 2
        assert sim.call(sim.local.store.dead_runs(Page())) == []
        assert sim.call(sim.local.store.held_keys()) == []


def test_a_dead_letter_that_was_skipped_goes_behind_those_that_came() -> None:
    mended: list[bool] = []
    with simulate(ordered(mended)) as sim:
        first = sim.emit(tick(0, key="a"))
        sim.call(sim.local.store.commit([SkipRun(run=first.id)]))
        sim.local.core.starter.skipped(first.row)
        sim.retry(first)
        assert (first.state, first.row.settled) == ("failed", None)
        assert [row.id for row in sim.call(sim.local.store.dead_runs(Page()))] == [first.id]


# --- what it tells -----------------------------------------------------------------------------


def test_its_end_is_told_again_under_another_id() -> None:
    shaky, _ = flaky(1)
    heard: list[tuple[str, str]] = []

    @task
    def hear(event: Event) -> None:
        heard.append((event.id, event.data["state"]))

    @flow(on=finished("shaky", state=["failed", "succeeded"]))
    def listener(event: Event) -> None:
        hear(event)

    with simulate(shaky, listener) as sim:
        run = sim.emit(tick())
        sim.retry(run)
        sim.retry(run)
    assert heard == [
        (run.id, "failed"),
        (f"{run.id}/2", "succeeded"),
        (f"{run.id}/3", "succeeded"),
    ]


def test_what_runs_again_sends_and_starts_again() -> None:
    @flow
    def other() -> None: ...

    @task
    def bill() -> None:
        publish("billed", {"n": context().attempt})

    @flow(on=events(type="tick"))
    def telling() -> None:
        bill()
        publish("told", {})
        send_webhook("http://there", {})
        start(other)

    with simulate(telling, other) as sim:
        run = sim.emit(tick())
        sim.retry(run, "bill")
        assert [message.value for message in sim.published("billed")] == [{"n": 1}, {"n": 2}]
        assert len(sim.published("told")) == 1
        sim.retry(run)
        assert len({message.id for message in sim.published("billed")}) == 3
        assert len({message.id for message in sim.published("told")}) == 2
        assert len({message.id for message in sim.sent("http://there")}) == 2
        assert len(sim.runs("other")) == 2


def test_the_time_of_a_run_begins_anew() -> None:
    shaky, _ = flaky(1)
    with simulate(shaky) as sim:
        run = sim.emit(tick())
        begun = run.row.started_at
        sim.advance("1h")
        sim.retry(run)
        assert (run.row.started_at or 0) > (begun or 0)
        assert run.state == "succeeded"
