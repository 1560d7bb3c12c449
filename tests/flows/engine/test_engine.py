"""The engine in virtual time: what is stored when, and what begins after it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import anyio
import anyio.lowlevel
import msgspec
import pytest
from anyio.abc import TaskStatus
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows.engine.bench import MemoryJournal, shop
from tests.sensors.harness import FakeClock
from triphammer.flows.context import context
from triphammer.flows.executors.contract import Attempt, AttemptId, AttemptResult, Report
from triphammer.flows.flow import flow
from triphammer.flows.journal import Encoded, Posted, RunChange, TaskRow
from triphammer.flows.outgoing import publish, start
from triphammer.flows.state import state
from triphammer.flows.task import task

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
async def double(n: int) -> int:
    return n * 2


@task
async def slow(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "done"


@task
def total(xs: list[int]) -> int:
    return sum(xs)


@flow
def fan(n: int) -> object:
    return total(double.map(numbers(n)))


@flow
def sleeper(seconds: float) -> object:
    return slow(seconds)


@flow
def two_sleepers(first: float, second: float) -> object:
    return slow(first) >> slow(second)


@flow
def doubles() -> object:
    return double.map([1, 2, 3])


def result_of(change: RunChange) -> Any:
    assert change.result is not None
    return msgspec.json.decode(change.result.body)


async def test_a_run_goes_through_to_its_result(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(fan, n=4)
        end = await s.end()
    assert end.state == "succeeded"
    assert result_of(end) == 12
    assert set(s.journal.states_of("run_1").values()) == {"succeeded"}
    assert s.ends["run_1"].state == "succeeded"
    assert s.engine.active == 0


async def test_dependents_begin_only_after_the_commit(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.journal.hold()
        s.begin(fan, n=1)
        await wait_all_tasks_blocked()
        assert s.journal.changes == []
        assert s.engine.running() == []
        s.journal.let_go()
        await s.end()
    assert s.journal.history() == [
        ("numbers", "succeeded"),
        ("double", "running"),
        ("double[0]", "succeeded"),
        ("double", "succeeded"),
        ("total", "succeeded"),
    ]


async def test_the_first_change_says_when_the_run_began_the_last_ends_it(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(two_sleepers, first=0.01, second=0.01)
        await s.end()
    first, last = s.journal.changes
    assert (first.state, last.state) == ("running", "succeeded")
    assert first.started_at is not None
    assert last.started_at is None
    assert last.finished_at is not None
    assert [row.name for row in last.tasks] == ["slow_2"]


async def test_a_run_of_one_short_task_is_one_change(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(sleeper, seconds=0.01)
        await s.end()
    (change,) = s.journal.changes
    assert change.state == "succeeded"
    assert change.started_at is not None


async def test_an_attempt_that_goes_on_is_journaled_as_running(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(sleeper, seconds=1)
        await s.end()
    assert s.journal.history() == [("slow", "running"), ("slow", "succeeded")]
    assert s.journal.changes[0].state == "running"


async def test_what_runs_can_be_seen_before_it_is_journaled(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(sleeper, seconds=1)
        (row,) = s.engine.snapshot("run_1")
        assert (row.name, row.state, row.attempt) == ("slow", "running", 1)
        assert [(run, name) for run, name, _ in s.engine.running()] == [("run_1", "slow")]
        assert s.engine.snapshot("run_2") == []


class Recording:
    """Runs nothing: keeps what it was given."""

    name: ClassVar[str] = "recording"

    def __init__(self) -> None:
        self.submitted: list[Attempt] = []
        self.cancelled: list[AttemptId] = []

    @property
    def running(self) -> int:
        return 0

    def bind(self, report: Report) -> None: ...

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        task_status.started()

    def submit(self, attempts: Sequence[Attempt]) -> None:
        self.submitted += attempts

    def cancel(self, attempt: AttemptId) -> None:
        self.cancelled.append(attempt)


def results_for(attempts: Sequence[Attempt]) -> list[AttemptResult]:
    value = Encoded("json", b"1")
    return [AttemptResult(id=a.id, started_at=1, finished_at=2, value=value) for a in attempts]


async def test_a_batch_of_results_is_one_change_a_run_and_the_end_rides_in_it(
    tmp_path: Path,
) -> None:
    recording = Recording()
    async with shop(tmp_path, executors={"async": recording, "thread": recording}) as s:
        s.begin(doubles, "run_1")
        s.begin(doubles, "run_2")
        assert len(recording.submitted) == 6
        s.engine.report(results_for(recording.submitted))
        await s.end("run_1")
        await s.end("run_2")
    assert [(c.run, c.state, len(c.tasks)) for c in s.journal.changes if c.state != "running"] == [
        ("run_1", "succeeded", 4),
        ("run_2", "succeeded", 4),
    ]


async def test_what_a_dropped_run_had_under_way_is_cancelled(tmp_path: Path) -> None:
    recording = Recording()
    async with shop(tmp_path, executors={"async": recording, "thread": recording}) as s:
        s.journal.refuse = lambda change: Posted(change, stale=True)
        s.begin(doubles, "run_1")
        await wait_all_tasks_blocked()
        assert recording.cancelled == [a.id for a in recording.submitted]


@task(retries=2, backoff="10s")
async def flaky() -> int:
    if context().attempt < 3:
        raise ValueError("not yet")
    return context().attempt


@flow
def stubborn() -> object:
    return flaky()


async def test_retries_come_at_their_time(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(stubborn)
        end = await s.end()
        assert anyio.current_time() >= 20
    assert result_of(end) == 3
    assert s.journal.history() == [
        ("flaky", "retrying"),
        ("flaky", "retrying"),
        ("flaky", "succeeded"),
    ]
    failed = [f[:2] for change in s.journal.changes for f in change.failed_attempts]
    assert failed == [("flaky", 1), ("flaky", 2)]


@task(timeout="5s")
async def endless() -> None:
    await anyio.sleep_forever()


@flow
def hanging() -> object:
    return endless()


async def test_a_timeout_ends_the_attempt_and_the_run(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(hanging)
        end = await s.end()
    assert end.state == "failed"
    assert end.error is not None
    assert end.error.type == "AttemptTimeout"
    assert end.error.message.startswith("endless: ")
    assert end.failed_tasks == ("endless",)


@task
async def notes(key: str) -> int:
    state[key] = int(state.get(key, 0)) + 1
    publish("topic", {"key": context().key}, key=key)
    start("other", {"n": 1})
    if key == "bad":
        raise ValueError(key)
    return int(state[key])


@flow
def noting(key: str) -> None:
    publish("from.body", {"seen": notes(key)})


async def test_messages_starts_and_state_join_the_tasks_commit(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(noting, key="a")
        await s.end()
        s.begin(noting, "run_2", key="a")
        await s.end("run_2")
    first, second = s.journal.changes[:2]
    assert first.state_writes == {"a": b"1"}
    assert [(m.task, m.target) for m in first.outbox] == [("notes", "topic")]
    assert [r.flow for r in first.starts] == ["other"]
    assert [(m.task, m.target, m.body) for m in second.outbox] == [
        ("publish", "from.body", b'{"seen":1}')
    ]
    assert s.journal.states["noting"] == {"a": b"2"}


async def test_a_failed_attempt_leaves_nothing_behind(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(noting, key="bad")
        end = await s.end()
    assert end.state == "failed"
    (change,) = s.journal.changes
    assert (change.outbox, change.starts, change.state_writes) == ((), (), {})


async def test_cancelling_reaches_the_task(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(sleeper, seconds=1000)
        await wait_all_tasks_blocked()
        assert s.engine.cancel("run_1", "by hand")
        assert not s.engine.cancel("run_1", "again")
        end = await s.end()
        await wait_all_tasks_blocked()
        assert anyio.current_time() < 1000
    assert end.state == "cancelled"
    assert end.error is not None
    assert end.error.message == "by hand"
    assert s.journal.states_of("run_1") == {"slow": "cancelled"}
    assert not s.engine.cancel("run_1", "gone")


async def test_a_result_of_another_epoch_or_attempt_is_not_taken(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(sleeper, seconds=10, epoch=3)
        forged = [AttemptId("run_1", "slow", 1, 2), AttemptId("run_1", "slow", 2, 3)]
        value = Encoded("json", b'"forged"')
        s.engine.report(
            [AttemptResult(id=id, started_at=1, finished_at=2, value=value) for id in forged]
        )
        end = await s.end()
    assert result_of(end) == "done"
    assert end.epoch == 3


async def test_a_run_that_is_fenced_off_is_dropped(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.journal.refuse = lambda change: Posted(change, stale=True)
        s.begin(two_sleepers, first=0.01, second=0.01)
        await s.wait_ended("run_1")
        assert s.ends["run_1"].state == "stale"
        assert s.engine.active == 0
        assert s.engine.running() == []
    assert s.journal.changes == []


async def test_a_store_that_fails_is_told_of_and_the_run_is_dropped(tmp_path: Path) -> None:
    broken = OSError("disk full")
    async with shop(tmp_path) as s:
        s.journal.refuse = lambda change: Posted(change, error=broken)
        s.begin(two_sleepers, first=0.01, second=1000)
        await anyio.sleep(1)
    assert s.errors == [broken]
    assert s.ends == {}
    assert s.engine.active == 0


@task(at_most_once=True)
async def once() -> float:
    return anyio.current_time()


@flow
def careful() -> object:
    return once()


async def test_at_most_once_begins_after_its_begin_is_stored(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.journal.hold()
        s.begin(careful)
        await wait_all_tasks_blocked()
        assert s.engine.running() == []
        s.journal.let_go()
        await s.end()
    assert s.journal.history() == [("once", "running"), ("once", "succeeded")]


async def test_at_most_once_does_not_begin_when_it_was_fenced_off(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.journal.refuse = lambda change: Posted(change, stale=True)
        s.begin(careful)
        await wait_all_tasks_blocked()
        assert s.ends["run_1"].state == "stale"
        assert s.engine.running() == []


begun: list[float] = []


@task
async def paced(n: int) -> None:
    begun.append(anyio.current_time())


@flow
def rated(n: int) -> object:
    return paced.options(rate="10/s").map(numbers(n))


attempts: list[float] = []


@task(retries=1, backoff=5)
async def unlucky() -> str:
    attempts.append(anyio.current_time())
    if len(attempts) % 2:
        raise OSError("not yet")
    return "done"


@flow
def unlucky_once() -> object:
    return unlucky()


async def test_a_rate_holds_over_all_runs_of_the_flow(tmp_path: Path) -> None:
    begun.clear()
    async with shop(tmp_path) as s:
        s.begin(rated, n=10)
        s.begin(rated, "run_2", n=10)
        await s.end()
        await s.end("run_2")
    gaps = [round(b - a, 3) for a, b in pairwise(begun)]
    assert len(begun) == 20
    assert all(gap >= 0.089 for gap in gaps)
    assert begun[-1] - begun[0] == pytest.approx(1.9, abs=0.02)


async def test_a_rate_goes_on_after_a_restart(tmp_path: Path) -> None:
    begun.clear()
    journal = MemoryJournal()
    async with shop(tmp_path, journal=journal) as s:
        s.begin(rated, n=1)
        await s.end()
    first = anyio.current_time()
    async with shop(tmp_path, journal=journal) as s:
        s.begin(rated, "run_2", n=1)
        await s.end("run_2")
    assert anyio.current_time() - first >= 0.08


async def test_a_clock_set_back_holds_up_neither_a_rate_nor_a_retry(tmp_path: Path) -> None:
    begun.clear()
    attempts.clear()
    clock = FakeClock()
    async with shop(tmp_path, clock=clock) as s:
        s.begin(rated, n=3)
        s.begin(unlucky_once, "run_2")
        await wait_all_tasks_blocked()
        clock.step(-3_600_000_000)
        await s.end()
        await s.end("run_2")
    assert len(begun) == 3
    assert anyio.current_time() < 10


async def test_a_retry_waits_no_longer_than_its_whole_wait_after_a_restart(tmp_path: Path) -> None:
    clock, journal = FakeClock(), MemoryJournal()
    attempts.clear()
    async with shop(tmp_path, clock=clock, journal=journal) as s:
        s.begin(unlucky_once)
        await wait_all_tasks_blocked()
    clock.step(-3_600_000_000)
    async with shop(tmp_path, clock=clock, journal=journal) as s:
        s.begin(unlucky_once, tasks=tuple(journal.rows("run_1").values()))
        await s.end()
    assert len(attempts) == 2
    assert anyio.current_time() < 10


async def test_cancelled_runs_do_not_use_up_turns(tmp_path: Path) -> None:
    begun.clear()
    async with shop(tmp_path) as s:
        s.begin(rated, n=1000)
        await wait_all_tasks_blocked()
        s.engine.cancel("run_1", "too many")
        await s.end()
        s.begin(rated, "run_2", n=1)
        await s.end("run_2")
        assert anyio.current_time() < 1


async def test_draining_lets_attempts_end_and_begins_no_more(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(two_sleepers, first=5, second=5)
        await wait_all_tasks_blocked()
        left = await s.engine.drain(30)
        assert 5 <= anyio.current_time() < 6
    assert left == []
    assert s.journal.states_of("run_1") == {"slow": "succeeded"}
    assert s.ends == {}


async def test_what_is_left_after_the_grace_is_told_and_not_failed(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(sleeper, seconds=1000)
        ((run, name, _),) = await s.engine.drain(1)
        assert (run, name) == ("run_1", "slow")
        (row,) = s.engine.snapshot("run_1")
        id = AttemptId("run_1", "slow", 1, 0)
        cancelled = AttemptResult(id=id, started_at=1, finished_at=2, cancelled=True)
        s.engine.report([cancelled])
        await wait_all_tasks_blocked()
    assert s.journal.states_of("run_1") == {"slow": "running"}
    assert row.started_at is not None


async def test_a_run_is_taken_up_where_the_journal_ends(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        rows = [
            TaskRow(name="numbers", state="succeeded", attempt=1, result=Encoded("json", b"[5]")),
            TaskRow(name="double", state="running", attempt=1, started_at=1, items=1),
            TaskRow(name="double[0]", state="running", attempt=1, started_at=1),
        ]
        s.begin(fan, n=1, tasks=rows, epoch=1)
        end = await s.end()
    assert result_of(end) == 10
    assert "numbers" not in s.journal.states_of("run_1")
    assert all(change.started_at is None for change in s.journal.changes)


@task
def scribble(fail: bool) -> str:
    (context().workdir / "notes").write_text("x")
    if fail:
        raise ValueError
    return str(context().workdir)


@flow
def scribbling(fail: bool) -> object:
    return scribble(fail)


async def test_the_folder_of_a_run_is_removed_after_success_only(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(scribbling, "run_1", fail=False)
        end = await s.end("run_1")
        s.begin(scribbling, "run_2", fail=True)
        await s.end("run_2")
        assert result_of(end) == str(tmp_path / "run_1")
        while (tmp_path / "run_1").exists():
            await anyio.lowlevel.checkpoint()
    assert (tmp_path / "run_2" / "notes").exists()


@task
def wants(n: int) -> None: ...


@flow
def misfitting(n: str) -> object:
    return wants(n)


async def test_an_argument_that_does_not_fit_fails_the_task_by_name(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(misfitting, n="many")
        end = await s.end()
    assert end.error is not None
    assert end.error.type == "ValueMisfit"
    assert "wants: argument 'n'" in end.error.message


@task(retries=1, backoff="0s")
def spoil(row: dict[str, Any]) -> int:
    row["seen"] = True
    if context().attempt == 1:
        raise ValueError
    return len(row)


@task
def rows() -> list[dict[str, Any]]:
    return [{"id": 1}]


@flow
def spoiling() -> object:
    return spoil.map(rows())


async def test_a_retry_gets_the_item_as_it_was(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(spoiling)
        end = await s.end()
    assert result_of(end) == [2]
