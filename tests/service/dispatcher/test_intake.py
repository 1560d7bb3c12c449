from __future__ import annotations

from tests.contracts.store_cases import an_event
from triphammer.service.dispatcher.intake import LAST, OTHERS, SOURCES, STEP, STEPS, Intake

NOW = 1_000 * STEP


def test_nothing_has_come() -> None:
    rates = Intake().rates(NOW)
    assert rates.steps == (0,) * STEPS
    assert rates.by_source == {}
    assert rates.seconds == STEPS * STEP / 1e6


def test_events_are_counted_by_source_and_step() -> None:
    intake = Intake()
    intake.stored([an_event(source="a"), an_event(source="b")], NOW)
    intake.stored([an_event(source="b")], NOW + STEP - 1)
    intake.stored([an_event(source="a")], NOW + 2 * STEP)
    assert intake.rates(NOW + STEP - 1).by_source == {}, "the present step is not over"
    later = intake.rates(NOW + 3 * STEP)
    assert later.steps[-3:] == (3, 0, 1)
    assert list(later.by_source.items()) == [("a", 2), ("b", 2)]


def test_what_came_long_ago_is_forgotten() -> None:
    intake = Intake()
    intake.stored([an_event()], NOW)
    assert sum(intake.rates(NOW + STEPS * STEP).steps) == 1
    assert sum(intake.rates(NOW + (STEPS + 1) * STEP).steps) == 0
    for step in range(3 * STEPS):
        intake.stored([an_event()], NOW + step * STEP)
    assert sum(intake.rates(NOW + 3 * STEPS * STEP).steps) == STEPS
    assert intake.rates(NOW + (3 * STEPS - 1) * STEP).steps == (1,) * STEPS, "one is not over"


def test_a_clock_that_was_set_back_counts_on() -> None:
    intake = Intake()
    intake.stored([an_event()], NOW)
    intake.stored([an_event()], NOW - 100 * STEP)
    assert sum(intake.rates(NOW + STEP).steps) == 2


def test_many_sources_are_not_told_apart() -> None:
    intake = Intake()
    events = [an_event(source=f"s{n % (SOURCES + 50)}") for n in range(2 * (SOURCES + 50))]
    intake.stored(events, NOW)
    by_source = intake.rates(NOW + STEP).by_source
    assert len(by_source) == SOURCES + 1
    assert by_source[OTHERS] == 100
    assert sum(by_source.values()) == len(events)


def test_the_last_events_of_a_sensor() -> None:
    intake = Intake()
    events = [an_event(subject=str(n)) for n in range(2 * LAST)]
    for event in events:
        intake.note("s", 1, [event], NOW)
    intake.note("t", 1, [], NOW)
    assert [taken.key for taken in intake.last("s")] == [e.key for e in events[: LAST - 1 : -1]]
    assert intake.last("t") == intake.last("none") == ()
    assert intake.totals == {"s": 2 * LAST, "t": 1}
