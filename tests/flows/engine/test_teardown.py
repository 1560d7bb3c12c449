"""Setups, teardowns and handlers: whatever happens to the work, on cancel and after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows.engine.bench import Ran, Shop, shop
from triphammer.flows.context import context
from triphammer.flows.flow import Flow, flow
from triphammer.flows.groups import group
from triphammer.flows.journal import Encoded, ErrorInfo, TaskRow
from triphammer.flows.task import chain, task

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@task
async def create(fails: bool = False, seconds: float = 0) -> str:
    await anyio.sleep(seconds)
    if fails:
        raise ValueError("no quota")
    return "cluster-1"


@task
def delete(cluster: str) -> str:
    return f"deleted {cluster}"


@task
def bare_delete() -> None: ...


@task
def broken_delete() -> None:
    raise OSError("still in use")


@task
async def work(fails: bool = False, seconds: float = 0) -> str:
    await anyio.sleep(seconds)
    if fails:
        raise ValueError("boom")
    return "done"


async def ran(tmp_path: Path, one: Flow[..., Any], **params: Any) -> Ran:
    async with shop(tmp_path) as s:
        return await s.ran(one, **params)


@flow
def pair(no_quota: bool = False, broken: bool = False, skipped: bool = False) -> object:
    cluster = create.options(when=skipped == False)(no_quota)  # noqa: E712 - a condition
    with group("train", setup=cluster, teardown=delete(cluster)):
        first = work(broken)
        second = work.options(trigger_rule="all_done")(False)
        chain(first, second)
    return second


NAMES = ("create", "train.work", "train.work_2", "delete")


def states(run: Ran) -> list[str]:
    return [run.states[name] for name in NAMES]


async def test_a_teardown_runs_after_the_work(tmp_path: Path) -> None:
    run = await ran(tmp_path, pair, no_quota=False, broken=False, skipped=False)
    assert (run.state, run.result) == ("succeeded", "done")
    assert (states(run), run.value("delete")) == (["succeeded"] * 4, "deleted cluster-1")


async def test_a_teardown_runs_after_work_that_failed(tmp_path: Path) -> None:
    run = await ran(tmp_path, pair, no_quota=False, broken=True, skipped=False)
    assert states(run) == ["succeeded", "failed", "succeeded", "succeeded"]


async def test_no_work_runs_without_its_setup_whatever_its_rule(tmp_path: Path) -> None:
    run = await ran(tmp_path, pair, no_quota=True, broken=False, skipped=False)
    assert (run.state, states(run)) == ("failed", ["failed", "skipped", "skipped", "skipped"])
    errors = [run.rows[name].error for name in NAMES[1:]]
    assert {e.type for e in errors if e is not None} == {"UpstreamFailed"}


async def test_a_skipped_setup_skips_all_of_it(tmp_path: Path) -> None:
    run = await ran(tmp_path, pair, no_quota=False, broken=False, skipped=True)
    assert (run.state, states(run)) == ("succeeded", ["skipped"] * 4)
    assert {run.rows[name].error for name in NAMES} == {None}


@flow
def around_one(broken: bool) -> object:
    return work.options(setup=create, teardown=[delete, broken_delete])(broken)


@pytest.mark.parametrize("broken", [False, True])
async def test_around_one_task_and_a_failed_teardown_fails_no_run(
    tmp_path: Path, broken: bool
) -> None:
    run = await ran(tmp_path, around_one, broken=broken)
    end = "failed" if broken else "succeeded"
    assert run.state == end
    expected = {"create": "succeeded", "work": end, "delete": "succeeded"}
    assert run.states == {**expected, "broken_delete": "failed"}
    assert "broken_delete" in run.failed_tasks


@flow(setup=create, teardown=delete)
def whole() -> object:
    return work(True) >> work()


async def test_around_a_whole_flow(tmp_path: Path) -> None:
    run = await ran(tmp_path, whole)
    assert (run.state, run.states["delete"]) == ("failed", "succeeded")


@flow
def by_hand(broken: bool) -> object:
    cluster = create.options(setup=True)()
    done = work(broken)
    chain(cluster, done, delete.options(teardown=True)(cluster))
    return done


async def test_marked_tasks_in_lines_of_ones_own(tmp_path: Path) -> None:
    run = await ran(tmp_path, by_hand, broken=True)
    assert (run.state, run.states["delete"]) == ("failed", "succeeded")


@flow
def behind_the_group() -> object:
    with group("g", teardown=broken_delete) as g:
        work()
    last = work(seconds=1)
    chain(g, last)
    return last


async def test_what_stands_behind_a_group_does_not_wait_for_its_teardown(tmp_path: Path) -> None:
    run = await ran(tmp_path, behind_the_group)
    assert (run.state, run.states["g.broken_delete"]) == ("succeeded", "failed")


@flow
def outer_without_setup() -> object:
    with group("outer", teardown=bare_delete), group("inner", setup=create(True)):
        return work()


async def test_a_teardown_goes_by_its_own_setups_only(tmp_path: Path) -> None:
    run = await ran(tmp_path, outer_without_setup)
    assert run.states["outer.bare_delete"] == "succeeded"


# --- cancelling ---------------------------------------------------------------------------


@flow
def long(setup: float, work_: float) -> object:
    cluster = create(False, setup)
    with group("g", setup=cluster, teardown=delete(cluster)):
        done = work(False, work_)
        chain(done, work.map([False, False]))
    return done


async def cancelled(s: Shop, at: float, **params: Any) -> Ran:
    s.begin(long, **params)
    await anyio.sleep(at)
    assert s.engine.cancel("run_1", "enough")
    change = await s.end()
    return Ran(change, s.journal.rows("run_1"))


async def test_cancelling_stops_the_work_and_runs_the_teardown(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        run = await cancelled(s, 5, setup=1, work_=60)
    assert (run.state, run.error) == ("cancelled", ErrorInfo("Cancelled", "enough"))
    ends = {"create": "succeeded", "delete": "succeeded", "g.work": "cancelled"}
    assert run.states == {**ends, "g.work_2": "cancelled"}
    assert run.rows["delete"].result is not None


async def test_a_setup_under_way_goes_on_so_that_it_can_be_undone(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        run = await cancelled(s, 5, setup=10, work_=60)
    assert run.state == "cancelled"
    assert (run.states["create"], run.states["delete"]) == ("succeeded", "succeeded")
    assert run.states["g.work"] == "cancelled"


async def test_a_second_cancel_ends_the_setup_too(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(long, setup=10, work_=60)
        await anyio.sleep(1)
        assert s.engine.cancel("run_1", "enough")
        assert s.engine.cancel("run_1", "now")
        end = await s.end()
    assert end.state == "cancelled"
    assert set(s.journal.states_of("run_1").values()) == {"cancelled"}


async def test_a_cancel_that_comes_when_only_the_teardown_is_left_changes_nothing(
    tmp_path: Path,
) -> None:
    @task
    async def slow_delete() -> None:
        await anyio.sleep(10)

    @flow
    def late() -> object:
        return work.options(teardown=slow_delete)()

    async with shop(tmp_path) as s:
        s.begin(late)
        await anyio.sleep(5)
        assert s.engine.cancel("run_1", "enough")
        assert (await s.end()).state == "succeeded"


async def test_a_crash_during_the_teardown_of_a_cancelled_run(tmp_path: Path) -> None:
    why = ErrorInfo("Cancelled", "enough")
    rows = [
        TaskRow(name="create", state="running", attempt=1, started_at=1),
        TaskRow(name="g.work", state="cancelled", finished_at=2, error=why),
        TaskRow(name="g.work_2", state="cancelled", finished_at=2, error=why),
    ]
    async with shop(tmp_path) as s:
        s.begin(long, tasks=rows, setup=1, work_=1)
        end = await s.end()
    assert (end.state, end.error) == ("cancelled", why)
    assert s.journal.states_of("run_1") == {"create": "succeeded", "delete": "succeeded"}


async def test_a_crash_during_the_work_still_leads_to_the_teardown(tmp_path: Path) -> None:
    result = msgspec.json.encode("cluster-9")
    rows = [
        TaskRow(
            name="create",
            state="succeeded",
            attempt=1,
            finished_at=1,
            result=Encoded("json", result),
        ),
        TaskRow(name="g.work", state="running", attempt=1, started_at=1),
    ]
    async with shop(tmp_path) as s:
        s.begin(long, tasks=rows, setup=1, work_=1)
        run = Ran(await s.end(), s.journal.rows("run_1"))
    assert (run.state, run.value("delete")) == ("succeeded", "deleted cluster-9")


# --- handlers -----------------------------------------------------------------------------


@task
def on_failed(error: ErrorInfo) -> list[str]:
    return [error.type, error.message]


@task
def on_done(result: str) -> str:
    return f"after {result}"


@task
def bare() -> dict[str, str]:
    return {name: ended.state for name, ended in context().upstream.items()}


@task(on_failure=[on_failed, bare], on_success=on_done)
def watched(fails: bool) -> str:
    if fails:
        raise ValueError("boom")
    return "work"


@flow
def watching(fails: bool) -> object:
    return watched(fails)


async def test_handlers_of_a_task(tmp_path: Path) -> None:
    run = await ran(tmp_path, watching, fails=True)
    assert (run.state, run.failed_tasks) == ("failed", ("watched",))
    assert run.value("on_failed") == ["ValueError", "boom"]
    assert (run.value("bare"), run.states["on_done"]) == ({"watched": "failed"}, "skipped")
    run = await ran(tmp_path, watching, fails=False)
    assert (run.state, run.result, run.value("on_done")) == ("succeeded", "work", "after work")
    assert run.named("skipped") == {"on_failed", "bare"}


@flow
def upstream_fails() -> object:
    return watched(work(True))


async def test_what_never_ran_has_not_failed(tmp_path: Path) -> None:
    run = await ran(tmp_path, upstream_fails)
    assert run.named("skipped") == {"watched", "on_failed", "on_done", "bare"}


@task
def on_result(result: dict[str, Any]) -> Any:
    return result["n"]


@flow(on_failure=on_failed, on_success=on_result)
def handled(fails: bool, handled: bool) -> object:
    a = work(fails)
    b = work.options(name="b", trigger_rule="all_done", when=handled == True)()  # noqa: E712
    chain(a, b)
    return {"n": b}


async def test_handlers_of_a_flow(tmp_path: Path) -> None:
    run = await ran(tmp_path, handled, fails=False, handled=True)
    assert (run.value("on_result"), run.states["on_failed"]) == ("done", "skipped")
    # A failure that a rule has dealt with does not fail the run.
    run = await ran(tmp_path, handled, fails=True, handled=True)
    assert (run.state, run.states["on_failed"]) == ("succeeded", "skipped")


@flow(on_failure=on_failed)
def fails_twice() -> object:
    return [work(True, 2), work(True, 1)]


async def test_the_handler_of_a_flow_gets_the_first_error(tmp_path: Path) -> None:
    run = await ran(tmp_path, fails_twice)
    assert (run.state, run.value("on_failed")) == ("failed", ["ValueError", "work_2: boom"])


async def test_a_handler_that_fails_does_not_change_how_the_run_ends(tmp_path: Path) -> None:
    @flow(on_success=broken_delete)
    def one() -> object:
        return work()

    run = await ran(tmp_path, one)
    assert (run.state, run.failed_tasks) == ("succeeded", ("broken_delete",))


async def test_a_function_that_draws_may_be_a_handler(tmp_path: Path) -> None:
    def if_x(error: Any) -> object:
        return work.options(name="told", when=error["type"] == "X")()

    @flow(on_failure=if_x)
    def one() -> object:
        return work(True)

    run = await ran(tmp_path, one)
    assert run.states == {"work": "failed", "told": "skipped"}


async def test_cancelling_runs_no_handlers(tmp_path: Path) -> None:
    @flow(on_failure=bare)
    def one() -> object:
        return work(False, 60)

    async with shop(tmp_path) as s:
        s.begin(one)
        await wait_all_tasks_blocked()
        s.engine.cancel("run_1", "enough")
        await s.end()
    assert s.journal.states_of("run_1") == {"work": "cancelled", "bare": "cancelled"}
