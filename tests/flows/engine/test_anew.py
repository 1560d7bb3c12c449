"""What runs again of a run that has ended, and what comes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.regime import times
from tests.flows.engine.recipes import random_flow
from tests.flows.engine.test_every_construct import Life, summaries
from triphammer.flows.context import context
from triphammer.flows.definition import definition_of
from triphammer.flows.engine.anew import Anew
from triphammer.flows.errors import UnknownTask
from triphammer.flows.flow import Flow, flow
from triphammer.flows.groups import group
from triphammer.flows.journal import Encoded, RunChange, TaskRow
from triphammer.flows.loops import loop
from triphammer.flows.task import chain, task


class Again(Life):
    """A run with an earlier life: the store keeps count of its attempts."""

    def __init__(self, one: Flow[..., Any], rows: Collection[TaskRow] = ()) -> None:
        super().__init__(one)
        if rows:
            self.told.append(RunChange(run="run_1", flow=one.name, epoch=0, tasks=tuple(rows)))

    def rows(self) -> dict[str, TaskRow]:
        found: dict[str, TaskRow] = {}
        for row in (row for change in self.told for row in change.tasks):
            known = found.get(row.name, row)
            found[row.name] = msgspec.structs.replace(
                row,
                earlier=max(row.earlier, known.earlier),
                attempt=max(row.attempt, known.attempt),
            )
        return found


def again(life: Life, anew: Collection[str]) -> Again:
    """The same run, in which these tasks are to run again."""
    rows = life.rows()
    return Again(life.flow, [_reset(row) if row.name in anew else row for row in rows.values()])


def _reset(row: TaskRow) -> TaskRow:
    return TaskRow(name=row.name, state="pending", attempt=row.attempt, earlier=row.attempt)


def anew_of(life: Life) -> Anew:
    return Anew(definition_of(life.flow).graph, life.rows())


def told(rows: Mapping[str, TaskRow]) -> list[tuple[Any, ...]]:
    """What must be the same: all but the numbers of attempts."""
    return sorted((*one[:2], *one[3:]) for one in summaries(rows))


def attempts(life: Life) -> dict[str, int]:
    return {name: row.attempt for name, row in life.rows().items()}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=times(150), deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60), data=st.data())
def test_retried_from_anywhere_and_killed_anywhere_it_comes_to_the_same(
    seed: int, size: int, data: st.DataObject
) -> None:
    one = random_flow(seed, size, publishes=False, races=False)
    whole = Life(one)
    whole.live()
    assert whole.end is not None
    first = Life(one)
    cancelled = data.draw(st.one_of(st.none(), st.integers(0, 20)), label="cancelled after ms")
    first.live(cancel_after=-1 if cancelled is None else cancelled)
    anew = drawn(data, first)
    kept = {name: row for name, row in first.rows().items() if name not in anew}
    run = again(first, anew)
    for _ in range(data.draw(st.integers(0, 2), label="kills")):
        if run.end is None:
            run.live(data.draw(st.integers(0, 2 * len(whole.told)), label="commits"))
    if run.end is None:
        run.live()
    assert run.end is not None
    assert (run.end.state, run.end.result) == (whole.end.state, whole.end.result)
    assert sorted(set(run.end.failed_tasks)) == sorted(set(whole.end.failed_tasks))
    rows = run.rows()
    assert told(rows) == told(whole.rows())
    for name, row in kept.items():
        assert (rows[name].attempt, rows[name].state) == (row.attempt, row.state), "only those"
    for name in anew:
        if rows[name].state in ("succeeded", "failed") and not rows[name].name.endswith("]"):
            assert rows[name].attempt >= first.rows()[name].attempt, "attempts count on"


def drawn(data: st.DataObject, life: Life) -> Collection[str]:
    """What an operator may ask for."""
    names = sorted(life.rows())
    how = data.draw(st.sampled_from(["all", "since", "failed", "failed since"]), label="how")
    anew = anew_of(life)
    if how == "all" or not names:
        return anew.all()
    if how == "failed":
        return anew.failed()
    task = data.draw(st.sampled_from(names), label="task")
    return anew.since(task) if how == "since" else anew.failed(task)


# --- by hand -----------------------------------------------------------------------------------


@task
def one() -> int:
    return 1


@task
def fails_at_first(value: Any = None) -> Any:
    if not context().earlier:
        raise LookupError("not yet")
    return value


@task
def after(value: Any) -> Any:
    return value


@task
def picky(n: int) -> int:
    if n % 3 == 1 and not context().earlier:
        raise ValueError("odd")
    return n * 10


@task(trigger_rule="all_done")
def report(value: Any) -> str:
    return f"saw {value}"


@task
def count(values: list[int]) -> int:
    return len(values)


def lived(one: Flow[..., Any]) -> Life:
    life = Life(one)
    life.live()
    return life


def relived(life: Life, anew: Collection[str]) -> Again:
    run = again(life, anew)
    run.live()
    return run


@flow
def line() -> object:
    beside = one.options(name="beside")()
    return after(fails_at_first(one())), beside, report(beside)


def test_what_failed_runs_again_and_what_it_has_kept_from_running() -> None:
    life = lived(line)
    anew = anew_of(life).failed()
    assert set(anew) == {"fails_at_first", "after"}
    run = relived(life, anew)
    assert run.end is not None
    assert run.end.state == "succeeded"
    assert attempts(run) == {
        "one": 1, "fails_at_first": 2, "after": 1, "beside": 1, "report": 1,
    }  # fmt: skip


def test_from_a_task_on_all_behind_it_runs_again() -> None:
    life = relived(lived(line), anew_of(lived(line)).all())
    anew = anew_of(life)
    assert set(anew.since("one")) == {"one", "fails_at_first", "after"}
    assert set(anew.since("beside")) == {"beside", "report"}
    assert set(anew.failed()) == set(), "nothing has failed"
    assert len(anew.all()) == 5


@flow
def mapped() -> object:
    return count(picky.map([0, 1, 2, 3, 4]))


def test_of_a_map_the_failed_items_run_again() -> None:
    life = lived(mapped)
    anew = anew_of(life).failed()
    assert set(anew) == {"picky[1]", "picky[4]", "picky", "count"}
    run = relived(life, anew)
    assert run.end is not None
    assert run.end.state == "succeeded"
    assert run.rows()["count"].result == Encoded("json", b"5")
    numbers = {name: n for name, n in attempts(run).items() if name.startswith("picky[")}
    assert numbers == {"picky[0]": 1, "picky[1]": 2, "picky[2]": 1, "picky[3]": 1, "picky[4]": 2}


def test_one_item_by_its_name() -> None:
    life = lived(mapped)
    assert set(anew_of(life).since("picky[2]")) == {"picky[2]", "picky", "count"}
    run = relived(life, anew_of(life).since("picky[1]"))
    assert run.end is not None
    assert run.end.state == "failed", "item 4 still is"
    assert set(anew_of(life).failed("picky[4]")) == {"picky[4]", "picky", "count"}


@flow
def shop(n: int) -> object:
    one()
    return after(picky(n))


@flow
def shops() -> object:
    return count(shop.map([0, 1, 2]))


def test_inside_a_mapped_flow_only_what_is_behind() -> None:
    life = lived(shops)
    assert set(anew_of(life).failed()) == {
        "shop[1]/picky", "shop[1]/after", "shop[1]", "shop", "count",
    }  # fmt: skip
    run = relived(life, anew_of(life).failed())
    assert run.end is not None
    assert run.end.state == "succeeded"
    assert attempts(run)["shop[1]/one"] == 1
    assert attempts(run)["shop[1]/picky"] == 2
    inner = anew_of(run).since("shop[2]/after")
    assert set(inner) == {"shop[2]/after", "shop[2]", "shop", "count"}
    whole = {"shop[0]", "shop[0]/picky", "shop[0]/after", "shop[0]/one", "shop", "count"}
    assert set(anew_of(run).since("shop[0]")) == whole
    assert set(anew_of(run).since("shop")) == set(run.rows())


@task
def more(last: int) -> int:
    if last == 2 and not context().earlier:
        raise ValueError("tired")
    return last + 1


@flow
def turning() -> object:
    return after(loop(more, 0, until=lambda last: last >= 4, max=9))


def test_a_loop_goes_on_at_the_turn_that_failed() -> None:
    life = lived(turning)
    assert set(anew_of(life).failed()) == {"more[2]", "more", "after"}
    run = relived(life, anew_of(life).failed())
    assert run.end is not None
    assert run.end.state == "succeeded"
    assert set(anew_of(run).since("more[1]")) == {"more[1]", "more[2]", "more[3]", "more", "after"}
    numbers = [attempts(run)[f"more[{n}]"] for n in range(4)]
    assert numbers == [1, 1, 2, 1]


@task
def make() -> str:
    return "made"


@task
def drop(made: str) -> str:
    return f"dropped {made}"


@flow
def around() -> object:
    made = make()
    with group("g", setup=made, teardown=drop(made)):
        good = one()
        bad = after(fails_at_first())
    chain(good, bad)
    return bad


def test_what_was_torn_down_is_made_again_for_what_needs_it() -> None:
    life = lived(around)
    names = {"make", "g.fails_at_first", "g.after", "drop"}
    assert set(anew_of(life).failed()) == names
    run = relived(life, names)
    assert run.end is not None
    assert run.end.state == "succeeded"
    expected = dict.fromkeys(names, 2) | {"g.after": 1, "g.one": 1}
    assert attempts(run) == expected


@flow
def guarded() -> object:
    made = make()
    with group("g", setup=made, teardown=drop(made)):
        items, all_shops = picky.map([0, 1, 2]), shop.map([0, 1])
        turns = loop(more, 0, until=lambda last: last >= 4, max=9)
    return items, all_shops, turns


def test_what_is_made_again_for_some_items_leaves_the_others_alone() -> None:
    life = lived(guarded)
    anew = set(anew_of(life).failed())
    assert anew == {
        "make", "drop", "g.picky[1]", "g.picky", "g.more[2]", "g.more",
        "g.shop[1]/picky", "g.shop[1]/after", "g.shop[1]", "g.shop",
    }  # fmt: skip
    run = relived(life, anew)
    assert run.end is not None
    assert run.end.state == "succeeded"
    assert {name for name, attempt in attempts(run).items() if attempt > 1} == {
        "make", "drop", "g.picky[1]", "g.more[2]", "g.shop[1]/picky",
    }  # fmt: skip
    assert set(anew_of(run).since("g.picky[0]")) == {"make", "drop", "g.picky[0]", "g.picky"}


@task
def listing() -> list[int]:
    return [0] if context().earlier else [0, 2, 3]


@flow
def shrinking() -> object:
    return count(picky.map(listing()))


def test_items_that_there_are_no_more_are_skipped() -> None:
    life = lived(shrinking)
    run = relived(life, anew_of(life).all())
    assert run.end is not None
    assert run.end.state == "succeeded"
    rows = run.rows()
    assert [rows[f"picky[{n}]"].state for n in range(3)] == ["succeeded", "skipped", "skipped"]
    assert rows["picky"].items == 1
    assert rows["picky[2]"].attempt == 1, "its number is not given again"


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("pickt", "did you mean 'picky'?"),
        ("elsewhere", "there are: picky, count"),
        ("picky[9]", "picky has no number 9: there are 0 to 4"),
        ("count[0]", "count has no number 0: the run has none of it"),
        ("picky[1]/x", "the run has no task 'picky[1]/x'"),
        ("picky/x", "the run has no task"),
        ("picky[1", "the run has no task"),
        ("", "the run has no task"),
    ],
)
def test_a_task_that_there_is_not(task: str, told: str) -> None:
    with pytest.raises(UnknownTask, match=r"no (task|number)") as raised:
        anew_of(lived(mapped)).since(task)
    assert told in str(raised.value)


def test_a_run_that_never_began_has_nothing_to_reset() -> None:
    anew = Anew(definition_of(mapped).graph, {})
    assert list(anew.all()) == list(anew.failed()) == list(anew.since("count")) == []
