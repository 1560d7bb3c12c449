"""Every rule over every combination of up to four upstream states, in a real machine: the task
itself and those behind it, to the end of the run."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import pytest

from tests.flows.engine.graphs import Computed, Driven, a_flow, a_node
from tests.flows.engine.test_machine_random import ends
from tests.flows.engine.test_rules import STATES, oracle
from triphammer.flows.graph import Node
from triphammer.flows.options import TRIGGER_RULES

# The order of upstreams is no matter here: every order is gone through for the rule alone.
COMBINATIONS = [c for n in (1, 2, 3, 4) for c in combinations_with_replacement(STATES, n)]
AFTER = {"run": "succeeded", "skip": "skipped", "block": "blocked"}


def ending_as(state: str, name: str) -> list[Node]:
    """A node that will end so: skipped by a condition, blocked by a failed one before it."""
    if state == "skipped":
        return [a_node(name, when=Computed(lambda _: False))]
    if state == "blocked":
        return [a_node(f"before_{name}"), a_node(name, f"before_{name}")]
    return [a_node(name)]


def graph(states: tuple[str, ...], rule: str) -> list[Node]:
    names = [f"up{i}" for i in range(len(states))]
    above = [n for name, state in zip(names, states, strict=True) for n in ending_as(state, name)]
    join = a_node("join", *names, trigger_rule=rule)
    followers = [a_node(f"after_{one}", "join", trigger_rule=one) for one in TRIGGER_RULES]
    last = [a_node(f"last_{one}", f"after_{one}") for one in TRIGGER_RULES]
    return [*above, join, *followers, *last]


def run_through(states: tuple[str, ...], nodes: list[Node]) -> Driven:
    run = Driven(a_flow(*nodes))
    fails = {f"up{i}" for i, state in enumerate(states) if state == "failed"}
    while run.ending is None:
        name = next(iter(run.under_way))
        if name in fails or name.startswith("before_"):
            run.fail(name, retryable=False)
        else:
            run.succeed(name)
    return run


def expected(states: tuple[str, ...], rule: str) -> dict[str, Any]:
    after = {"join": AFTER[oracle(rule, states)]}
    for one in TRIGGER_RULES:
        after[f"after_{one}"] = AFTER[oracle(one, (after["join"],))]
        after[f"last_{one}"] = AFTER[oracle("all_success", (after[f"after_{one}"],))]
    return after


@pytest.mark.parametrize("rule", TRIGGER_RULES)
def test_what_a_rule_says_reaches_all_that_stand_behind(rule: str) -> None:
    for states in COMBINATIONS:
        run = run_through(states, graph(states, rule))
        wanted = expected(states, rule)
        found = ends(run)
        assert {name: found[name] for name in wanted} == wanted, states
        last = {wanted[f"last_{one}"] for one in TRIGGER_RULES}
        assert run.end.state == ("failed" if "blocked" in last else "succeeded"), states
