"""Flows drawn at random out of every construct there is; the same seed draws the same flow.

What a flow comes to does not depend on timing: a task whose rule lets it run before all its
upstreams have ended takes no values, and the ways that `first_of` chooses from all give 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import anyio
import msgspec

from triphammer.flows.branches import branch, first_of
from triphammer.flows.context import context
from triphammer.flows.errors import Skip
from triphammer.flows.flow import Flow, flow
from triphammer.flows.groups import group
from triphammer.flows.handle import Handle, chain
from triphammer.flows.journal import ErrorInfo
from triphammer.flows.loops import loop
from triphammer.flows.outgoing import publish
from triphammer.flows.pipeline import pipeline
from triphammer.flows.task import task
from triphammer.flows.waits import approve, sleep, wait_for

PATIENT = (
    *["all_success"] * 6,
    *["all_done"] * 3,
    *["none_failed_min_one_success"] * 2,
    "none_failed",
    "all_done_min_one_success",
    "all_done_setup_success",
    "all_failed",
    "all_skipped",
    "none_skipped",
)
HASTY = ("one_success", "one_failed", "one_done", "always")
NEVER = 9
SKIP = -1


def number(value: Any) -> int:
    if isinstance(value, list):
        return sum(number(one) for one in value)  # pyright: ignore[reportUnknownVariableType]
    return 0 if value is None else int(value)


def fail_first(times: int) -> None:
    if times < 0:
        raise Skip("not today")
    if context().attempt - context().earlier <= times:
        raise ValueError(f"attempt {context().attempt}")


@task(backoff="5ms")
def calc(*values: Any, fails: int = 0) -> int:
    fail_first(fails)
    return (sum(map(number, values)) + 1) % 1000


@task(backoff="5ms")
async def slow(*values: Any, fails: int = 0) -> int:
    await anyio.sleep(0.001 * (1 + sum(map(number, values)) % 7))
    fail_first(fails)
    return (sum(map(number, values)) + 2) % 1000


@task
def seven() -> int:
    return 7


@task
def listing(value: Any) -> list[int]:
    return list(range(number(value) % 6))


@task(backoff="5ms")
def item(value: int, other: int = 0, unlucky: int = NEVER) -> int:
    if (value + other) % 5 == unlucky - 1:
        raise Skip("not this one")
    fail_first(NEVER if (value + other) % 5 == unlucky else 0)
    return value * 2 + other


@task
def count(outcomes: list[Any]) -> int:
    return len(outcomes)


@task
async def step(last: int | None) -> int:
    await anyio.sleep(0.001)
    return number(last) % 500 + 37


@task(trigger_rule="all_done")
def ends() -> dict[str, str]:
    return {name: ended.state for name, ended in context().upstream.items()}


@task
def alert(error: ErrorInfo) -> str:
    return "told" if error.type else ""  # which error came first is a matter of luck


@task
def done() -> str:
    return "done"


@task(backoff="5ms")
def make(fails: int) -> int:
    fail_first(fails)
    return 1


@task
def drop(made: Any, fails: int = 0) -> str:
    fail_first(fails)
    return f"dropped {made}"


class Drawer:
    """Draws moves until so many nodes are drawn."""

    def __init__(self, seed: int, most: int, *, publishes: bool = True, races: bool = True) -> None:
        self.random = Random(seed)
        self.left = most
        self.publishes = publishes
        self.races = races
        self._flows = 0

    def moves(self, pool: list[Any], depth: int) -> None:
        """Draw some moves; what has a value joins `pool`."""
        for _ in range(self.random.randint(1, 40 if depth == 0 else 4)):
            if self.left <= 0:
                return
            moves = _SMALL if depth >= 2 else (*_SMALL, *_LARGE)
            self.random.choice(moves)(self, pool, depth)

    def spend(self, nodes: int = 1) -> None:
        self.left -= nodes

    def some(self, pool: Sequence[Any], most: int) -> list[Any]:
        return [self.random.choice(pool) for _ in range(self.random.randint(0, most))]

    def one(self, pool: Sequence[Any]) -> Any:
        return self.random.choice(pool)

    def fails(self) -> int:
        return self.random.choice([0, 0, 0, 0, 1, 2, NEVER, SKIP])

    def maybe(self, value: Any, chance: float = 0.3) -> Any:
        return value if self.random.random() < chance else None

    def around(self, options: dict[str, Any]) -> dict[str, Any]:
        """Handlers, and a setup with its teardown, for some tasks."""
        if self.random.random() < 0.15:
            options |= {"on_failure": alert, "on_success": done}
            self.spend(2)
        if self.random.random() < 0.15:
            made = make(self.fails())
            options |= {"setup": made, "teardown": drop(made, self.random.choice([0, NEVER]))}
            self.spend(2)
        return options

    def fresh(self, body: Callable[..., Any]) -> Flow[..., Any]:
        self._flows += 1
        return flow(name=f"part{self._flows}")(body)


def call(d: Drawer, pool: list[Any], depth: int) -> None:
    kind = d.one([calc, slow])
    options: dict[str, Any] = {"retries": d.one([0, 1, 2]), "trigger_rule": d.one(PATIENT)}
    known = [value for value in pool if not isinstance(value, int)]
    if known and d.random.random() < 0.2:
        options["when"] = d.one(known) != d.random.randint(0, 3)
    drawn = kind.options(**d.around(options))(*d.some(pool, 3), fails=d.fails())
    d.spend()
    pool.append(drawn)


def hasty(d: Drawer, pool: list[Any], depth: int) -> None:
    """No values: which are there when it begins is a matter of luck."""
    drawn = done.options(trigger_rule=d.one(HASTY))()
    d.spend()
    for before in d.some([h for h in pool if _is_node(h)] or [drawn], 3):
        if before is not drawn:
            chain(before, drawn)


def mapped(d: Drawer, pool: list[Any], depth: int) -> None:
    options: dict[str, Any] = {
        "errors": d.one(["fail", "skip", "collect"]),
        "max_parallel": d.one([1, 2, 100]),
        "retries": d.one([0, 1]),
        "cross": d.one([False, False, True]),
    }
    over = [d.one([[1, 2, 3], [], range(5)]), listing(d.one(pool))][d.one([0, 1])]
    d.spend(2)
    maps = item.options(**d.around(options)).partial(unlucky=d.one([0, 3, NEVER, NEVER]))
    drawn = maps.map(over, [1, 2]) if options["cross"] else maps.map(over)
    d.spend(2)
    pool.append(count(drawn) if options["errors"] == "collect" else drawn)


def in_group(d: Drawer, pool: list[Any], depth: int) -> None:
    around: dict[str, Any] = {}
    if d.random.random() < 0.5:
        made = make(d.fails())
        around = {"setup": made, "teardown": lambda: drop(made)}
        d.spend(2)
    with group(d.one(["g", "h"]), **around) as drawn:
        calc()
        d.spend()
        d.moves(pool, depth + 1)
    if d.random.random() < 0.5:
        chain(drawn, ends())
        d.spend()


def ways(d: Drawer, pool: list[Any], depth: int) -> None:
    choice = d.one([True, "eu", ["eu", "us"], "asia", None])
    keys = [True, False] if choice is True else ["eu", "us"]
    drawn = [seven() for _ in range(3)]
    behind = calc(drawn[0])
    branch(choice, dict(zip(keys, drawn, strict=False)), default=d.maybe(drawn[2], 0.7))
    value = first_of(*drawn)
    joined = calc.options(trigger_rule="none_failed_min_one_success")(behind, drawn[1])
    d.spend(7)
    pool += [value, joined]


def turns(d: Drawer, pool: list[Any], depth: int) -> None:
    most, limit = d.random.randint(1, 5), d.random.randint(0, 200)
    on_max = d.one(["fail", "last", "last"])
    drawn = loop(step, d.one(pool), until=lambda last: last >= limit, max=most, on_max=on_max)
    d.spend()
    pool.append(drawn)


def line(d: Drawer, pool: list[Any], depth: int) -> None:
    pool.append(pipeline(calc(d.one(pool)), slow, calc.options(retries=1)))
    d.spend(3)


def nap(d: Drawer, pool: list[Any], depth: int) -> None:
    """Something waits a little while, before it and behind it others do not."""
    drawn = sleep.options(**d.around({}))(f"{d.random.randint(0, 9)}ms")
    d.spend(2)
    known = [handle for handle in pool if _is_node(handle)]
    if known:
        chain(d.one(known), drawn)
    after = calc(d.one(pool))
    chain(drawn, after)
    pool.append(after)


def race(d: Drawer, pool: list[Any], depth: int) -> None:
    """The first of two waits is there soon; the other one is withdrawn, or its time is over."""
    if not d.races:
        return
    never = {"type": ["never"], "data": {"n": [d.one(pool)]}}
    soon = sleep(f"{d.random.randint(1, 9)}ms")
    if d.random.random() < 0.5:
        drawn = first_of(soon, wait_for(never, timeout="9d"))
        d.spend(3)
    else:
        what = d.one(["fail", "skip"])
        drawn = wait_for.options(**d.around({}))(never, timeout="7ms", on_timeout=what)
        d.spend()
    pool.append(calc.options(trigger_rule=d.one(PATIENT))(drawn))
    d.spend()


class Answer(msgspec.Struct):
    n: int


def asks(d: Drawer, pool: list[Any], depth: int) -> None:
    """What the bench answers by itself: see `bench.answer_to`."""
    if not d.publishes:
        return  # nobody answers in the real daemon
    if d.random.random() < 0.5:
        drawn = wait_for({"type": ["soon"], "data": {"n": [d.one(pool)]}}).data["n"]
    else:
        drawn = approve(d.one(["yes", "no"]), form=Answer)["form"]["n"]
    pool.append(calc.options(trigger_rule=d.one(PATIENT))(drawn))
    d.spend(2)


def told(d: Drawer, pool: list[Any], depth: int) -> None:
    if d.publishes:
        publish("told", {"n": d.one(pool)})
        d.spend()


def sub_flow(d: Drawer, pool: list[Any], depth: int) -> None:
    def body(n: Any) -> Any:
        return _inner(d, [n], depth)

    pool.append(d.fresh(body)(d.one(pool)))


def mapped_flow(d: Drawer, pool: list[Any], depth: int) -> None:
    outer = d.maybe(d.one(pool))

    def inside(n: Any) -> Any:
        return _inner(d, [n] if outer is None else [n, outer], depth)

    body = d.fresh(inside)
    errors = d.one(["fail", "skip", "collect"])
    over = [[1, 2, 3], listing(d.one(pool))][d.one([0, 1])]
    drawn = body.options(errors=errors, max_parallel=d.one([1, 2, 9])).map(over)
    d.spend(3)
    pool.append(count(drawn) if errors == "collect" else calc(drawn))


def looped_body(d: Drawer, pool: list[Any], depth: int) -> None:
    def body(last: Any) -> Any:
        return _inner(d, [last, *pool[:2]], depth)

    most = d.random.randint(1, 3)
    until = d.maybe(_is_three, 0.5)
    pool.append(loop(body, d.one(pool), until=until, max=most, on_max="last"))
    d.spend()


def _inner(d: Drawer, pool: list[Any], depth: int) -> Any:
    d.moves(pool, depth + 1)
    return pool[-1] if _is_node(pool[-1]) else calc(*pool)


def _is_three(last: Any) -> Any:
    return last == 3


def _is_node(value: Any) -> bool:
    return isinstance(value, Handle)


_SMALL = (call, call, call, call, hasty, mapped, turns, line, ways, told, nap, race, asks)
_LARGE = (in_group, in_group, sub_flow, mapped_flow, looped_body)


def random_flow(
    seed: int,
    most: int = 60,
    *,
    name: str = "random",
    publishes: bool = True,
    races: bool = True,
) -> Flow[..., Any]:
    """A flow of about `most` nodes."""
    drawer = Drawer(seed, most, publishes=publishes, races=races)
    around: dict[str, Any] = {}
    if drawer.random.random() < 0.3:
        around = {"on_failure": alert, "on_success": done}
    if drawer.random.random() < 0.2:
        around |= {"teardown": ends}

    @flow(name=name, **around)
    def drawn() -> object:
        pool: list[Any] = [calc(), 3]
        drawer.moves(pool, 0)
        return pool

    return drawn
