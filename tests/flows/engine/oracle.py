"""Graphs drawn at random, and what must come of them, worked out without any machine.

Verdicts do not depend on the order in which tasks end, so the end of a run can be read off
the graph from first to last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.flows.engine.graphs import Computed, a_flow, a_node
from tests.flows.engine.test_rules import oracle as verdict_of
from triphammer.flows.graph import Backoff, FlowDef
from triphammer.flows.options import TRIGGER_RULES

NEVER = 99


@dataclass(frozen=True)
class Plot:
    """One task of a drawn graph. `fails`: how many attempts fail first, of each item."""

    name: str
    upstream: tuple[str, ...]
    rule: str
    holds: bool
    retries: int
    once: bool
    errors: str
    fails: tuple[int, ...]
    mapped: bool
    window: int


def fails() -> st.SearchStrategy[int]:
    return st.sampled_from([0, 0, 0, 1, 2, NEVER])


@st.composite
def plots(draw: st.DrawFn) -> Sequence[Plot]:
    names = [chr(ord("a") + i) for i in range(draw(st.integers(1, 12)))]
    return [draw(plot(name, names[:i])) for i, name in enumerate(names)]


@st.composite
def plot(draw: st.DrawFn, name: str, before: Sequence[str]) -> Plot:
    upstream = draw(st.lists(st.sampled_from(before), unique=True, max_size=4)) if before else []
    mapped = draw(st.sampled_from([False, False, True]))
    items = draw(st.integers(0, 4)) if mapped else 1
    return Plot(
        name=name,
        upstream=tuple(upstream),
        rule=draw(st.sampled_from(["all_success", *TRIGGER_RULES])),
        holds=draw(st.sampled_from([True, True, True, False])),
        retries=draw(st.integers(0, 2)),
        once=draw(st.sampled_from([False, False, True])),
        errors=draw(st.sampled_from(["fail", "skip"])),
        fails=tuple(draw(fails()) for _ in range(items)),
        mapped=mapped,
        window=draw(st.integers(1, 3)),
    )


def flow_of(plots: Sequence[Plot]) -> FlowDef:
    return a_flow(
        *(
            a_node(
                p.name,
                *p.upstream,
                args=(list(range(len(p.fails))),) if p.mapped else (),
                mapped=p.mapped,
                trigger_rule=p.rule,
                retries=p.retries,
                at_most_once=p.once,
                errors=p.errors,
                max_parallel=p.window,
                backoff=Backoff(kind="constant"),
                when=None if p.holds else Computed(lambda _: False),
            )
            for p in plots
        )
    )


@dataclass(frozen=True)
class Expected:
    """The final states (blocked ones by that name), the lists of maps, the run's state."""

    states: Mapping[str, str]
    lists: Mapping[str, list[Any]]
    run: str


def expected(plots: Sequence[Plot], interrupted: frozenset[str] = frozenset()) -> Expected:
    """`interrupted` are tasks and items with `at_most_once` that a crash ended for good."""
    ends: dict[str, str] = {}
    rows: dict[str, str] = {}
    lists: dict[str, list[Any]] = {}
    for p in plots:
        above = tuple(ends[up] for up in p.upstream)
        verdict = verdict_of(p.rule, above) if above else "run"
        if verdict == "run" and p.holds:
            ends[p.name] = _run(p, interrupted, rows, lists)
        else:
            ends[p.name] = "blocked" if verdict == "block" else "skipped"
    waited_for = {up for p in plots for up in p.upstream}
    last = [ends[p.name] for p in plots if p.name not in waited_for]
    failed = any(end in ("failed", "blocked") for end in last)
    return Expected({**rows, **ends}, lists, "failed" if failed else "succeeded")


def _run(
    p: Plot, interrupted: frozenset[str], rows: dict[str, str], lists: dict[str, list[Any]]
) -> str:
    ok = {
        i: fails <= p.retries and item_name(p, i) not in interrupted
        for i, fails in enumerate(p.fails)
    }
    if not p.mapped:
        return "succeeded" if ok[0] else "failed"
    for i, good in ok.items():
        rows[item_name(p, i)] = "succeeded" if good else "failed"
    if p.errors == "fail" and not all(ok.values()):
        return "failed"
    lists[p.name] = [i for i, good in ok.items() if good]
    return "succeeded"


def item_name(p: Plot, item: int) -> str:
    return f"{p.name}[{item}]" if p.mapped else p.name
