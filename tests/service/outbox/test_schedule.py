from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.outbox.ledger import START, webhook
from triphammer.config.settings import OutboxSettings
from triphammer.service.outbox.outcome import Dead, Delivered, Retry
from triphammer.service.outbox.schedule import LONGEST_WISH, UNREACHABLE_CAP, Schedule, judge
from triphammer.service.store.contract import OutboxResult, OutboxRow

DAY = 86_400.0
SCHEDULE = Schedule(first=1.0, factor=2.0, cap=3600.0, give_up=3 * DAY)


def row(attempts: int = 0, redriven_at: int | None = None) -> OutboxRow:
    return OutboxRow(
        seq=1,
        message=webhook("msg_1", "http://x.test"),
        run="run_1",
        flow="orders",
        state="pending",
        attempts=attempts,
        created_at=START,
        due_at=START,
        redriven_at=redriven_at,
    )


@given(attempts=st.integers(1, 10_000), seed=st.integers())
def test_delays_double_up_to_the_cap_with_half_of_it_jitter(attempts: int, seed: int) -> None:
    full = min(3600.0, 2.0 ** min(attempts - 1, 20))
    delay = SCHEDULE.delay(attempts, Random(seed))
    assert full / 2 <= delay <= full


def test_delivered_is_final() -> None:
    result = judge(row(2), Delivered(), SCHEDULE, Random(0), START)
    assert result == OutboxResult(id="msg_1", state="delivered", attempts=3, at=START)


def test_dead_says_why() -> None:
    result = judge(row(), Dead("gone"), SCHEDULE, Random(0), START)
    assert (result.state, result.error, result.attempts) == ("dead", "gone", 1)


def test_a_failure_is_due_again() -> None:
    result = judge(row(), Retry("500"), SCHEDULE, Random(0), START)
    assert (result.state, result.error) == ("pending", "500")
    assert result.due_at is not None
    assert START + 500_000 <= result.due_at <= START + 1_000_000


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(120.0, 120.0, 120.0), (0.0, 0.5, 1.0), (10 * DAY, LONGEST_WISH, LONGEST_WISH)],
)
def test_the_target_may_ask_for_more_time(asked: float, least: float, most: float) -> None:
    result = judge(row(), Retry("429", after=asked), SCHEDULE, Random(0), START)
    assert result.due_at is not None
    assert least <= (result.due_at - START) / 1e6 <= most


def test_an_old_message_is_given_up() -> None:
    now = START + round(3 * DAY * 1e6)
    result = judge(row(20), Retry("500"), SCHEDULE, Random(0), now)
    assert result.state == "dead"
    assert result.error == "500; given up after 21 attempts"


def test_what_had_to_wait_before_its_first_attempt_has_not_grown_old() -> None:
    """It was behind a dead letter, or the daemon was off."""
    now = START + round(4 * DAY * 1e6)
    result = judge(row(), Retry("500"), SCHEDULE, Random(0), now)
    assert (result.state, result.trying_since) == ("pending", now)
    soon = now + round(DAY * 1e6)
    result = judge(row(1, now), Retry("500"), SCHEDULE, Random(0), soon)
    assert (result.state, result.trying_since) == ("pending", None)
    result = judge(row(2, now), Retry("500"), SCHEDULE, Random(0), now + round(3 * DAY * 1e6))
    assert result.state == "dead"


def test_the_time_without_a_broker_does_not_count() -> None:
    now = START + round(4 * DAY * 1e6)
    result = judge(row(9), Retry("down", unreachable=True), SCHEDULE, Random(0), now)
    assert (result.state, result.trying_since) == ("pending", now)


@given(attempts=st.integers(0, 1000), age=st.floats(0, 365 * DAY))
def test_an_unreachable_broker_makes_no_dead_letters(attempts: int, age: float) -> None:
    now = START + round(age * 1e6)
    result = judge(row(attempts), Retry("down", unreachable=True), SCHEDULE, Random(0), now)
    assert result.state == "pending"
    assert result.due_at is not None
    assert result.due_at - now <= UNREACHABLE_CAP * 1e6


def test_the_settings_are_the_schedule() -> None:
    schedule = Schedule.of(OutboxSettings())
    assert (schedule.first, schedule.factor, schedule.give_up) == (1.0, 2.0, 3 * DAY)
