"""Which tasks run: branches, `first_of`, conditions, values of upstreams that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from tests.flows.engine.bench import Ran, shop
from tests.flows.support import an_event
from triphammer.flows.branches import branch, first_of
from triphammer.flows.context import context
from triphammer.flows.flow import Flow, flow
from triphammer.flows.groups import group
from triphammer.flows.task import task
from triphammer.sensors.event import Event

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@task
def say(word: str) -> str:
    return word


@task
async def after(seconds: float, word: str) -> str:
    await anyio.sleep(seconds)
    return word


@task
def fail(word: str) -> str:
    raise ValueError(word)


@task(trigger_rule="none_failed_min_one_success")
def join(*words: str | None) -> list[str | None]:
    return list(words)


@task(trigger_rule="all_done")
def tell(word: str, n: int = 0) -> list[Any]:
    ends = context().upstream
    errors = {name: e.error.type if e.error else None for name, e in ends.items()}
    return [word, {name: e.state for name, e in ends.items()}, errors]


async def ran(tmp_path: Path, one: Flow[..., Any], **params: Any) -> Ran:
    async with shop(tmp_path) as s:
        return await s.ran(one, **params)


@flow
def ways(choice: Any) -> object:
    a, b, c = say("a"), say("b"), say("c")
    after_a = say.options(name="after_a")(a)
    branch(choice, {"eu": a, "us": b}, default=c)
    return join(after_a, b, c)


@pytest.mark.parametrize(
    ("choice", "joined"),
    [
        ("eu", ["a", None, None]),
        ("us", [None, "b", None]),
        ("asia", [None, None, "c"]),
        (None, [None, None, "c"]),
        ([], [None, None, "c"]),
        (["eu", "us"], ["a", "b", None]),
        (["us", "asia"], [None, "b", "c"]),
    ],
)
async def test_the_chosen_ways_run_and_the_join_behind_them(
    tmp_path: Path, choice: Any, joined: Sequence[Any]
) -> None:
    run = await ran(tmp_path, ways, choice=choice)
    assert run.state == "succeeded"
    assert run.result == joined
    names = [{"say", "after_a"}, {"say_2"}, {"say_3"}]
    skipped = [way for way, word in zip(names, joined, strict=True) if word is None]
    assert run.named("skipped") == set().union(*skipped)


@flow
def strict(choice: str) -> object:
    return branch(choice, {"eu": say("a"), "us": None})


async def test_a_choice_without_a_way_fails_the_branch(tmp_path: Path) -> None:
    run = await ran(tmp_path, strict, choice="asia")
    assert run.state == "failed"
    assert run.error is not None
    assert "branch: the choice 'asia' has no way; there are 'eu', 'us'" in run.error.message
    assert run.states == {"branch": "failed", "say": "skipped"}


async def test_a_way_may_be_to_do_nothing(tmp_path: Path) -> None:
    run = await ran(tmp_path, strict, choice="us")
    assert (run.state, run.states["say"]) == ("succeeded", "skipped")


@task
def is_large(n: int) -> bool:
    return n > 10


@flow
def grouped(n: int) -> object:
    with group("large") as large:
        first = say("one")
        second = say.options(when=n > 100)("huge")
    small = say("small")
    branch(is_large(n), {True: large, False: [small]})
    return first_of(second, first, small)


async def test_ways_are_groups_and_keys_are_bools_and_own_conditions_hold(tmp_path: Path) -> None:
    run = await ran(tmp_path, grouped, n=5)
    assert (run.result, run.named("skipped")) == ("small", {"large.say", "large.say_2"})
    run = await ran(tmp_path, grouped, n=50)
    assert (run.result, run.named("skipped")) == ("one", {"large.say_2", "say"})
    run = await ran(tmp_path, grouped, n=500)
    assert run.named("skipped") == {"say"}


@flow
def shared(choice: str) -> object:
    both = say("both")
    branch(choice, {"a": both, "b": both, "c": say("c")}, default=both)
    return first_of(both)


@pytest.mark.parametrize(
    ("choice", "state"), [("a", "succeeded"), ("c", "skipped"), ("x", "succeeded")]
)
async def test_one_task_may_be_several_ways(tmp_path: Path, choice: str, state: str) -> None:
    assert (await ran(tmp_path, shared, choice=choice)).states["say"] == state


@flow
def race() -> object:
    return first_of(after(5, "slow"), fail("broken"), after(1, "quick"))


async def test_the_first_to_succeed_is_taken_at_once(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        s.begin(race)
        await s.wait_ended("run_1")
        history = [name for name, state in s.journal.history() if state == "succeeded"]
        assert history == ["after_2", "first_of", "after"]
        end = await s.end()
    assert end.state == "succeeded"


@flow
def none_of(broken: bool) -> object:
    a = fail.options(when=broken == True)("x")  # noqa: E712 - a condition
    return first_of(a, say.options(when=a == 3)("y"))


async def test_none_of_them(tmp_path: Path) -> None:
    run = await ran(tmp_path, none_of, broken=False)
    assert (run.state, run.states["first_of"], run.result) == ("succeeded", "skipped", None)
    run = await ran(tmp_path, none_of, broken=True)
    assert (run.state, run.states["first_of"]) == ("failed", "skipped")


@dataclass
class Order:
    id: int


@task
def order(id: int) -> Order:
    return Order(id)


@task
def number(order: Order) -> int:
    return order.id


@flow
def typed() -> object:
    return number(first_of(order(7), order.options(when=is_large(1))(8)))


async def test_first_of_keeps_the_type(tmp_path: Path) -> None:
    assert (await ran(tmp_path, typed)).result == 7


@flow
def past(broken: bool) -> object:
    with group("g"):
        word = fail.options(when=broken == True)("x")  # noqa: E712 - a condition
    behind = say(word)
    return tell.options(name="last")(behind, word["n"])


async def test_a_value_that_is_not_there_is_none_and_its_end_is_told(tmp_path: Path) -> None:
    run = await ran(tmp_path, past, broken=True)
    assert run.state == "succeeded"
    states, errors = {"say": "skipped", "g.fail": "failed"}, {"say": "UpstreamFailed"}
    assert run.result == [None, states, {**errors, "g.fail": "ValueError"}]
    run = await ran(tmp_path, past, broken=False)
    states = {"say": "skipped", "g.fail": "skipped"}
    assert run.result == [None, states, dict.fromkeys(states)]


@task(trigger_rule="all_done")
def short_name() -> list[Any]:
    found = context().upstream
    return [found["fail"].state, "nobody" in found, len(found)]


@flow
def by_short_name() -> object:
    with group("g") as g:
        fail("x")
    return g >> short_name()


async def test_upstreams_are_found_by_the_last_part_of_their_names(tmp_path: Path) -> None:
    assert (await ran(tmp_path, by_short_name)).result == ["failed", False, 1]


@flow
def only_main(event: Event) -> object:
    gate = say.options(when={"data": {"ref": ["refs/heads/main"]}})("main")
    say.options(name="behind")(gate)
    return tell.options(name="all")(gate)


@pytest.mark.parametrize(("ref", "behind"), [("refs/heads/main", "succeeded"), ("x", "skipped")])
async def test_a_pattern_of_the_event_short_circuits_what_stands_behind(
    tmp_path: Path, ref: str, behind: str
) -> None:
    async with shop(tmp_path) as s:
        s.begin(only_main, event=an_event({"ref": ref}))
        await s.wait_ended("run_1")
        assert s.journal.states_of("run_1") == {"say": behind, "behind": behind, "all": "succeeded"}
