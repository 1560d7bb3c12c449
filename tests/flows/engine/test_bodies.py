"""Maps of maps and of whole flows, loops over tasks and bodies; killed anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows.engine.bench import MemoryJournal, Ran, shop
from triphammer.flows.context import context
from triphammer.flows.flow import Flow, flow
from triphammer.flows.groups import group
from triphammer.flows.journal import ErrorInfo
from triphammer.flows.loops import loop
from triphammer.flows.outcomes import Failed, Ok
from triphammer.flows.task import task

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@task
async def pause(n: float) -> float:
    await anyio.sleep(n)
    return n


@task
def upto(n: int) -> list[int]:
    return list(range(n))


@task
def double(n: int) -> int:
    if n == 13:
        raise ValueError("unlucky")
    return n * 2


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def flat(lists: list[list[int]]) -> list[int]:
    return [n for one in lists for n in one]


async def ran(tmp_path: Path, one: Flow[..., Any], **params: Any) -> Ran:
    async with shop(tmp_path) as s:
        return await s.ran(one, **params)


# --- maps ---------------------------------------------------------------------------------


@flow
def row(n: int, plus: int) -> object:
    """Each row maps over its own items."""
    return total(double.partial().map(upto(add(n, plus))))


@flow
def rows(ns: list[int], plus: int) -> object:
    more = add(plus, 1)
    return {"each": row.partial(plus=more).map(ns), "all": total(row.partial(plus=0).map(ns))}


async def test_a_flow_is_mapped_over_items_with_maps_inside(tmp_path: Path) -> None:
    run = await ran(tmp_path, rows, ns=[1, 2, 3], plus=0)
    assert run.state == "succeeded"
    assert run.result == {"each": [2, 6, 12], "all": 8}
    assert {"row", "row[2]", "row[2]/upto", "row[2]/double", "row[2]/double[3]"} <= set(run.states)
    assert (run.rows["row"].items, run.rows["row[2]/double"].items) == (3, 4)


@flow
def grid(xs: list[int], ys: list[int]) -> object:
    def pair(x: int, y: int) -> object:
        return [x, y]

    one = flow(pair)
    return one.options(cross=True, name="grid").map(xs, ys)


async def test_items_of_mapped_flows_are_zipped_and_crossed(tmp_path: Path) -> None:
    run = await ran(tmp_path, grid, xs=[1, 2], ys=[3, 4])
    assert run.result == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert set(run.states) == {"grid", *(f"grid[{i}]" for i in range(4))}


@flow
def steps(n: float) -> object:
    return pause.options(name="second")(pause.options(name="first")(n))


@flow
def staggered() -> object:
    return steps.map([1, 3, 2])


async def test_no_item_waits_for_another(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(staggered)
        await s.wait_ended("run_1")
        done = [name for name, state in s.journal.history() if state == "succeeded"]
    assert done.index("steps[0]/second") < done.index("steps[1]/first")


@flow
def windowed() -> object:
    return steps.options(max_parallel=2).map([1] * 6)


async def test_so_many_items_run_at_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(windowed)
        await s.wait_ended("run_1")
        assert anyio.current_time() >= 6


@flow
def risky(n: int) -> object:
    return add(double(n), 1)


@task
def told(results: list[Ok[int] | Failed]) -> list[Any]:
    return [r.value if isinstance(r, Ok) else [r.item, r.error.message] for r in results]


@flow
def risky_all() -> object:
    return risky.map([1, 13, 2])


@flow
def risky_skip() -> object:
    return risky.options(errors="skip").map([1, 13, 2])


@flow
def risky_collect() -> object:
    return told(risky.options(errors="collect").map([1, 13, 2]))


async def test_failed_items_of_a_mapped_flow(tmp_path: Path) -> None:
    run = await ran(tmp_path, risky_all)
    assert (run.state, run.states["risky[2]"]) == ("failed", "succeeded")
    assert run.rows["risky"].error == run.rows["risky"].error
    assert run.rows["risky"].error is not None
    assert run.rows["risky"].error.message == "risky[1]: double: unlucky"
    assert run.failed_tasks == ("risky[1]/double", "risky")
    assert run.error is not None
    assert run.error.message == "risky[1]/double: unlucky"
    assert (await ran(tmp_path, risky_skip)).result == [3, 5]
    assert (await ran(tmp_path, risky_collect)).result == [3, [13, "double: unlucky"], 5]


@flow
def over_a_map(n: int) -> object:
    return double.map(flat(upto.map(upto(n))))


async def test_a_map_over_the_results_of_a_maps_items(tmp_path: Path) -> None:
    assert (await ran(tmp_path, over_a_map, n=4)).result == [0, 0, 2, 0, 2, 4]


@flow
def nothing_in_it(n: int) -> object:
    return n


@flow
def trivial() -> object:
    return total(nothing_in_it.map([1, 2, 3]))


async def test_a_body_without_tasks_gives_its_values(tmp_path: Path) -> None:
    assert (await ran(tmp_path, trivial)).result == 6


@flow
def half(n: int) -> object:
    return double.options(when=n > 1)(n)


@flow
def halves() -> object:
    return half.map([1, 2])


async def test_an_item_that_ends_in_a_skipped_task_gives_none(tmp_path: Path) -> None:
    assert (await ran(tmp_path, halves)).result == [None, 4]


# --- loops --------------------------------------------------------------------------------


@task
def step(n: int = 0) -> int:
    return n + 3


@task
def names(n: int) -> list[str]:
    return [context().task, *context().upstream]


@flow
def counted(limit: int) -> object:
    return loop(step, until=lambda last: last >= limit, max=10)


async def test_a_task_is_repeated_with_its_last_result(tmp_path: Path) -> None:
    run = await ran(tmp_path, counted, limit=7)
    assert (run.state, run.result) == ("succeeded", 9)
    assert run.states == dict.fromkeys(["step", "step[0]", "step[1]", "step[2]"], "succeeded")
    assert (run.rows["step"].items, run.value("step[1]")) == (3, 6)


async def test_a_loop_whose_condition_never_holds_fails(tmp_path: Path) -> None:
    run = await ran(tmp_path, counted, limit=1000)
    assert (run.state, len(run.rows)) == ("failed", 11)
    error = run.rows["step"].error
    assert error is not None
    assert (error.type, "until= did not hold after max=10" in error.message) == (
        "LoopExhausted",
        True,
    )


@flow
def taken(start: int) -> object:
    last = loop(step, start, until=lambda n: n == 1, max=2, on_max="last")
    thrice = loop(double, last, max=3)
    return add(last, thrice)


async def test_turns_without_a_condition_and_the_last_value(tmp_path: Path) -> None:
    run = await ran(tmp_path, taken, start=4)
    assert run.result == 10 + 80


@flow
def refine(n: int, by: int) -> object:
    with group("g"):
        more = add(n, by)
    return {"n": double(more), "by": by}


@flow
def tuned(by: int) -> object:
    def body(last: Any) -> object:
        return refine(last["n"], by)

    return loop.options(name="tune")(body, {"n": 1}, until=lambda last: last["n"] > 20, max=9)


async def test_a_small_body_is_repeated(tmp_path: Path) -> None:
    run = await ran(tmp_path, tuned, by=1)
    assert run.result == {"n": 22, "by": 1}
    assert run.value("tune[0]") == {"n": 4, "by": 1}
    assert "tune[2]/refine/g.add" in run.states


@flow
def half_until(n: int) -> object:
    return double(n)


@flow
def nested(ns: list[int]) -> object:
    def grow(n: int) -> object:
        return loop(half_until, n, until=lambda last: last > 50, max=9)

    return flow(name="grow")(grow).map(ns)


async def test_loops_over_flows_inside_mapped_flows(tmp_path: Path) -> None:
    run = await ran(tmp_path, nested, ns=[1, 40, 13])
    assert run.state == "failed"
    assert run.states["grow[0]/half_until[5]/double"] == "succeeded"
    assert run.states["grow[1]/half_until[0]/double"] == "succeeded"
    error = run.rows["grow"].error
    assert error is not None
    assert error.message == "grow[2]: half_until: grow[2]/half_until[0]: double: unlucky"


@task(retries=2, backoff="1s")
def flaky() -> int:
    if context().attempt < 3:
        raise ValueError("not yet")
    return context().attempt


@flow
def patient() -> object:
    return loop(flaky, max=2)


async def test_turns_are_retried(tmp_path: Path) -> None:
    run = await ran(tmp_path, patient)
    assert (run.result, run.rows["flaky[1]"].attempt) == (3, 3)


@flow
def broken_condition() -> object:
    return loop(upto, 3, until=lambda last: last["n"] > 3, max=2)


async def test_a_condition_that_raises_fails_the_loop(tmp_path: Path) -> None:
    run = await ran(tmp_path, broken_condition)
    assert run.state == "failed"
    error = run.rows["upto"].error
    assert error is not None
    assert error.message.startswith("until= (")


# --- whatever happens ---------------------------------------------------------------------


@task
def make() -> str:
    return "x"


@task
def drop(made: str) -> str:
    return f"dropped {made}"


@flow
def with_cluster(seconds: float) -> object:
    made = make()
    with group("g", setup=made, teardown=drop(made)):
        return pause(seconds)


@flow
def clusters() -> object:
    return with_cluster.options(max_parallel=2).map([60, 70, 80])


async def test_cancelling_runs_the_teardowns_inside_and_begins_nothing_more(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path) as s:
        s.begin(clusters)
        await anyio.sleep(5)
        await wait_all_tasks_blocked()
        assert s.engine.cancel("run_1", "enough")
        run = Ran(await s.end(), s.journal.rows("run_1"))
    assert (run.state, run.error) == ("cancelled", ErrorInfo("Cancelled", "enough"))
    assert [run.states[f"with_cluster[{i}]/drop"] for i in (0, 1)] == ["succeeded"] * 2
    assert run.states["with_cluster[0]/g.pause"] == "cancelled"
    assert run.states["with_cluster"] == run.states["with_cluster[1]"] == "cancelled"
    assert "with_cluster[2]/make" not in run.states


async def test_a_crash_while_teardowns_inside_run(tmp_path: Path) -> None:
    journal = MemoryJournal()
    async with shop(tmp_path, journal=journal) as s:
        s.begin(clusters)
        await anyio.sleep(5)
        s.engine.cancel("run_1", "enough")
        await wait_all_tasks_blocked()
        told = [change for change in journal.changes if change.state is None]
    kept = {row.name: row for change in told for row in change.tasks}
    kept = {name: row for name, row in kept.items() if not name.endswith("/drop")}
    kept = {
        name: row
        for name, row in kept.items()
        if name not in ("with_cluster[0]", "with_cluster[1]", "with_cluster")
    }
    async with shop(tmp_path) as s:
        s.begin(clusters, tasks=list(kept.values()))
        run = Ran(await s.end(), s.journal.rows("run_1"))
    assert run.state == "cancelled"
    assert [run.states[f"with_cluster[{i}]/drop"] for i in (0, 1)] == ["succeeded"] * 2
    assert run.states["with_cluster"] == "cancelled"


@pytest.mark.parametrize(
    ("one", "params"),
    [
        (rows, {"ns": [1, 2, 3], "plus": 1}),
        (nested, {"ns": [1, 40, 13]}),
        (tuned, {"by": 2}),
        (counted, {"limit": 20}),
        (risky_collect, {}),
        (patient, {}),
    ],
)
async def test_killed_after_any_commit_it_ends_the_same(
    tmp_path: Path, one: Flow[..., Any], params: dict[str, Any]
) -> None:
    async with shop(tmp_path) as s:
        whole = await s.ran(one, **params)
        changes = list(s.journal.changes)
    for lost in range(1, len(changes)):
        rows = {row.name: row for change in changes[:lost] for row in change.tasks}
        async with shop(tmp_path) as s:
            s.begin(one, tasks=list(rows.values()), **params)
            end = await s.end()
            again = {**rows, **s.journal.rows("run_1")}
            repeated = [
                row.name
                for change in s.journal.changes
                for row in change.tasks
                if row.name in rows and rows[row.name].state in ("succeeded", "failed", "skipped")
            ]
        assert repeated == []
        assert (end.state, summary(again)) == (whole.state, summary(whole.rows)), lost
        assert Ran(end, again).result == whole.result


def summary(rows: Any) -> Sequence[Any]:
    return sorted((r.name, r.state, r.attempt, r.result, r.items) for r in rows.values())
