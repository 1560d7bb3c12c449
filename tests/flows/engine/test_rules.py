"""Trigger rules against an oracle that reads Airflow's own sentences, upstream by upstream."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from triphammer.flows.engine.rules import Upstream, judge
from triphammer.flows.options import TRIGGER_RULES

STATES = ("succeeded", "failed", "skipped", "blocked")
BAD = {"failed", "blocked"}


def upstream(states: tuple[str, ...], total: int) -> Upstream:
    counts = {state: states.count(state) for state in STATES}
    return Upstream(total, **counts)


def oracle(rule: str, states: tuple[str, ...]) -> str:
    """The verdict once all upstreams have ended, each rule as its sentence in the manual."""
    ended = set(states)
    runs = {
        "all_success": all(s == "succeeded" for s in states),
        "all_failed": all(s in BAD for s in states),
        "all_done": True,
        "all_done_min_one_success": "skipped" not in ended and "succeeded" in ended,
        "all_done_setup_success": True,  # there is no setup among these
        "all_skipped": all(s == "skipped" for s in states),
        "one_success": "succeeded" in ended,
        "one_failed": bool(ended & BAD),
        "one_done": bool(ended & {"succeeded", "failed"}),
        "none_failed": not ended & BAD,
        "none_failed_min_one_success": not ended & BAD and "succeeded" in ended,
        "none_skipped": "skipped" not in ended,
        "always": True,
    }[rule]
    if runs:
        return "run"
    blocks = {"all_success", "one_success", "none_failed", "none_failed_min_one_success"}
    if rule == "all_done_min_one_success":  # in Airflow's code the skipped come first
        return "skip" if "skipped" in ended else "block"
    return "block" if rule in blocks and ended & BAD else "skip"


COMBINATIONS = [c for n in (1, 2, 3, 4) for c in product(STATES, repeat=n)]


@pytest.mark.parametrize("rule", TRIGGER_RULES)
def test_every_combination_of_up_to_four_upstreams(rule: str) -> None:
    for states in COMBINATIONS:
        assert judge(rule, upstream(states, len(states))) == oracle(rule, states), states


def setup_oracle(setups: tuple[str, ...]) -> str:
    """A teardown runs if one of its setups did; all skipped skip it, else it is blocked."""
    if not setups or "succeeded" in setups:
        return "run"
    return "skip" if set(setups) == {"skipped"} else "block"


@pytest.mark.parametrize("setups", [c for n in range(4) for c in product(STATES, repeat=n)])
def test_a_teardown_goes_by_its_setups_whatever_the_work_does(setups: tuple[str, ...]) -> None:
    for work in [c for n in (0, 1, 2) for c in product(STATES, repeat=n)]:
        up = Upstream(len(setups) + len(work), setups=len(setups))
        for state in work:
            up.count(state)
        for state in setups:
            up.count(state, setup=True)
        expected = setup_oracle(setups)
        assert judge("all_done_setup_success", up) == expected, work


@pytest.mark.parametrize("rule", TRIGGER_RULES)
def test_a_verdict_stands_whatever_the_others_do(rule: str) -> None:
    for states in COMBINATIONS:
        for order in set(permutations(states)):
            verdicts = [judge(rule, upstream(order[:n], len(order))) for n in range(len(order))]
            final = judge(rule, upstream(order, len(order)))
            assert {v for v in verdicts if v != "wait"} <= {final}, (order, verdicts)


@pytest.mark.parametrize("rule", TRIGGER_RULES)
def test_without_upstreams_every_rule_says_run(rule: str) -> None:
    assert judge(rule, Upstream(0)) == "run"


@pytest.mark.parametrize(
    ("rule", "states", "verdict"),
    [
        ("one_success", ("succeeded",), "run"),
        ("one_failed", ("failed",), "run"),
        ("one_done", ("failed",), "run"),
        ("all_success", ("failed",), "block"),
        ("all_failed", ("succeeded",), "skip"),
        ("none_skipped", ("skipped",), "skip"),
        ("always", (), "run"),
        ("all_success", ("skipped",), "wait"),
        ("all_done", ("failed",), "wait"),
        ("all_done_min_one_success", ("succeeded",), "wait"),
        ("all_done_min_one_success", ("skipped",), "skip"),
        ("all_done_setup_success", ("succeeded",), "wait"),
    ],
)
def test_what_is_decided_before_all_have_ended(
    rule: str, states: tuple[str, ...], verdict: str
) -> None:
    assert judge(rule, upstream(states, 3)) == verdict
