from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.settings import OutboxSettings
from triphammer.service.outbox.breaker import (
    CLOSED,
    MICROS,
    Breaker,
    Go,
    Hold,
    Probe,
    Rule,
    decide,
    dropped,
    failed,
    probing,
)

RULE = Rule(failures=3, first=2.0, longest=60.0)
NOW = 1_000_000_000


def opened(times: int = 1) -> Breaker:
    """Open since NOW; without jitter its pause is half of the rule's."""
    breaker = CLOSED
    while not breaker.opened:
        breaker = failed(breaker, RULE, "m", NOW, 0.0)
    for _ in range(times - 1):
        breaker = failed(probing(breaker, "p"), RULE, "p", NOW, 0.0)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = CLOSED
    for _ in range(2):
        breaker = failed(breaker, RULE, "m", NOW, 0.0)
        assert decide(breaker, NOW) == Go()
    breaker = failed(breaker, RULE, "m", NOW, 0.0)
    assert decide(breaker, NOW) == Hold(NOW + MICROS)
    assert decide(breaker, NOW + MICROS - 1) == Hold(NOW + MICROS)
    assert decide(breaker, NOW + MICROS) == Probe()


@pytest.mark.parametrize(("times", "seconds"), [
    (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (7, 30), (300, 30),
])  # fmt: skip
def test_each_failed_probe_makes_the_pause_longer(times: int, seconds: int) -> None:
    assert decide(opened(times), NOW) == Hold(NOW + seconds * MICROS)


def test_only_one_probe_is_under_way() -> None:
    breaker = probing(opened(), "p")
    later = NOW + 100 * MICROS
    assert decide(breaker, later) == Hold(later + MICROS)
    assert decide(dropped(breaker, "other"), later) == Hold(later + MICROS)
    assert decide(dropped(breaker, "p"), later) == Probe()


def test_what_was_under_way_before_it_opened_does_not_prolong_the_pause() -> None:
    breaker = opened()
    for _ in range(50):
        breaker = failed(breaker, RULE, "early", NOW + 1, 0.9)
    assert decide(breaker, NOW) == decide(opened(), NOW)


def test_a_target_may_ask_for_more_time() -> None:
    breaker = failed(probing(opened(), "p"), RULE, "p", NOW, 0.0, after=600.0)
    assert decide(breaker, NOW) == Hold(NOW + 600 * MICROS)


def test_a_clock_that_was_set_back_does_not_make_the_pause_longer() -> None:
    assert decide(opened(), NOW - 3600 * MICROS) == Probe()


def test_no_pause_is_longer_than_the_setting_allows() -> None:
    rule = Rule.of(OutboxSettings.model_validate({"longest_pause": "500ms"}))
    assert {rule.pause(n) for n in range(1, 200)} == {0.5}


@dataclass
class World:
    """A target, up or down, and what has been sent to it."""

    breaker: Breaker = CLOSED
    now: int = NOW
    flying: dict[str, bool] = field(default_factory=dict[str, bool])
    sent: int = 0


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "up", "down", "wait"]), st.floats(0, 0.999)), max_size=80
)


@given(STEPS)
def test_never_more_than_one_probe_and_never_stuck(steps: list[tuple[str, float]]) -> None:
    world = World()
    for step, number in steps:
        if step == "send":
            send(world)
        elif step == "wait":
            world.now += int(number * 120) * MICROS
        else:
            land(world, up=step == "up", jitter=number)
        assert sum(world.flying.values()) <= 1
    # Whatever has happened: once all have landed and time has passed, the next one goes.
    while world.flying:
        land(world, up=False, jitter=0.5)
    world.now += round(RULE.longest * MICROS)
    assert not isinstance(decide(world.breaker, world.now), Hold)


def send(world: World) -> None:
    verdict = decide(world.breaker, world.now)
    if isinstance(verdict, Hold):
        assert world.now < verdict.until <= world.now + round(RULE.longest * MICROS)
        return
    world.sent += 1
    name, probe = f"m{world.sent}", isinstance(verdict, Probe)
    world.flying[name] = probe
    if probe:
        world.breaker = probing(world.breaker, name)


def land(world: World, *, up: bool, jitter: float) -> None:
    if not world.flying:
        return
    name = next(iter(world.flying))
    was_probe = world.flying.pop(name)
    before = world.breaker
    if up:
        # An answer closes it, whoever got it; a probe under way is then one of many.
        world.breaker = CLOSED
        world.flying = dict.fromkeys(world.flying, False)
        return
    world.breaker = failed(before, RULE, name, world.now, jitter)
    if before.opened and not was_probe:
        assert (world.breaker.since, world.breaker.pause) == (before.since, before.pause)
