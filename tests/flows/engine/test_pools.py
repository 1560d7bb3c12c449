from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from triphammer.flows.engine.pools import AGE, PoolCount, Pools
from triphammer.flows.executors.contract import AttemptId
from triphammer.flows.graph import Options


class World:
    def __init__(self, **slots: int) -> None:
        self.now = 0
        self.begun: list[str] = []
        self.gone: set[str] = set()
        self.pools = Pools[str](slots, lambda: self.now, self._wanted, self.begun.append)

    def _wanted(self, name: str) -> bool:
        return name not in self.gone

    def wait(self, name: str, priority: int = 0, slots: int = 1, pool: str = "gpu") -> None:
        options = Options(pool=pool, slots=slots, priority=priority)
        self.pools.wait(an_id(name), options, name)

    def release(self, name: str) -> None:
        self.pools.release(an_id(name))


def an_id(name: str) -> AttemptId:
    return AttemptId("run_1", name, 1, 0)


def test_no_more_begin_than_there_are_slots() -> None:
    world = World(gpu=2)
    for name in "abc":
        world.wait(name)
    assert world.begun == ["a", "b"]
    assert world.pools.counts() == {"gpu": PoolCount(2, 2, 1)}
    world.release("b")
    world.release("b")
    assert world.begun == ["a", "b", "c"]


def test_the_most_urgent_goes_first_and_one_that_waits_ages() -> None:
    world = World(gpu=1)
    world.wait("running")
    world.wait("low")
    world.now = 3 * AGE
    world.wait("late", priority=2)
    world.wait("urgent", priority=5)
    for name in ("running", "urgent", "low"):
        world.release(name)
    assert world.begun == ["running", "urgent", "low", "late"]


def test_one_that_asks_for_many_slots_is_not_starved_by_small_ones() -> None:
    world = World(gpu=2)
    world.wait("small")
    world.wait("big", slots=2)
    world.wait("later")
    assert world.begun == ["small"]
    world.release("small")
    assert world.begun == ["small", "big"]
    world.release("big")
    assert world.begun == ["small", "big", "later"]


def test_one_that_is_not_wanted_any_more_holds_up_nobody() -> None:
    world = World(gpu=2)
    world.wait("small")
    world.wait("big", slots=2)
    world.gone.add("big")
    world.wait("later")
    assert world.begun == ["small", "later"]


def test_more_slots_than_there_are_is_all_of_them_and_an_unknown_pool_holds_nobody_up() -> None:
    world = World(gpu=2)
    world.wait("huge", slots=9)
    for name in "abc":
        world.wait(name, pool="nowhere")
    assert world.begun == ["huge", "a", "b", "c"]
    assert world.pools.counts()["nowhere"] == PoolCount(None, 3, 0)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.booleans()), max_size=60),
    st.integers(1, 4),
)
def test_slots_are_never_exceeded_and_everybody_gets_theirs(
    steps: list[tuple[int, int, bool]], slots: int
) -> None:
    world, ended = World(gpu=slots), set[str]()
    asked = dict[str, int]()

    def held() -> int:
        return sum(min(asked[n], slots) for n in world.begun if n not in ended)

    for number, (priority, wants, ends) in enumerate(steps):
        name = f"t{number}"
        asked[name] = wants
        world.now += 1
        world.wait(name, priority, wants)
        assert held() <= slots
        under_way = [n for n in world.begun if n not in ended]
        if ends and under_way:
            ended.add(under_way[0])
            world.release(under_way[0])
            assert held() <= slots
    while under_way := [n for n in world.begun if n not in ended]:
        ended.add(under_way[0])
        world.release(under_way[0])
    assert Counter(world.begun) == Counter(asked.keys())
