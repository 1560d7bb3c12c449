from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from tests.sensors.harness import START, FakeClock, Recorder, make_context, spec_of
from triphammer.config.patterns import compile_pattern
from triphammer.sensors.codec import new_event
from triphammer.sensors.custom import CustomSensor, CustomSource, place_of, sensor
from triphammer.sensors.errors import SensorError, SourceError
from triphammer.sensors.event import Event

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(autojump_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    return autojump_backend


async def run(source: CustomSource, recorder: Recorder, seconds: float) -> FakeClock:
    clock = FakeClock()
    built = CustomSensor.build(make_context(spec_of(source), recorder, clock=clock))
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:
            await group.start(built.run)
    return clock


async def failure(source: CustomSource, recorder: Recorder) -> str:
    """Why the sensor ended."""
    clock = FakeClock()
    built = CustomSensor.build(make_context(spec_of(source), recorder, clock=clock))
    with pytest.raises(SensorError) as caught:
        await built.run(task_status=anyio.TASK_STATUS_IGNORED)
    return str(caught.value)


def returning(value: Any) -> CustomSource:
    @sensor(every="1s")
    def news() -> Any:
        return value

    return news


async def test_events_and_cursor_commit_together_and_the_cursor_goes_on() -> None:
    seen: list[Any] = []

    @sensor(every="10s")
    async def partitions(cursor: Any) -> Any:
        seen.append(cursor)
        number = (cursor or {"n": 0})["n"] + 1
        return [{"type": "t", "id": str(number), "data": {"n": number}}], {"n": number}

    recorder = Recorder()
    await run(partitions, recorder, 25)
    assert seen == [None, {"n": 1}, {"n": 2}]
    assert [e.positions for e in recorder.emissions] == [
        {"cursor": f'{{"n":{n}}}'} for n in (1, 2, 3)
    ]
    await run(partitions, recorder, 5)
    assert seen[-1] == {"n": 3}
    assert [e.id for e in recorder.events] == ["1", "2", "3", "4"]
    assert recorder.reason is None


async def test_a_mapping_becomes_an_event_of_the_sensor() -> None:
    recorder = Recorder()
    time = datetime(2026, 1, 1, 9, tzinfo=UTC)
    fields = {"type": "t", "subject": "s", "data": {"a": (1, 2)}, "time": time}
    source = returning([fields, {"time": "2026-01-01T09:00:00+09:00", "data": "x"}, {"data": b"x"}])
    await run(source, recorder, 0.5)
    first, second, third = recorder.events
    assert (first.type, first.subject, first.source) == ("t", "s", "triphammer/sensor/news")
    assert (first.data, first.raw, first.time) == ({"a": [1, 2]}, b'{"a":[1,2]}', time)
    assert (second.type, second.data, second.raw) == ("triphammer.sensor.news", "x", None)
    assert second.time == datetime(2026, 1, 1, tzinfo=UTC)
    assert (third.data, third.content_type) == (b"x", "application/octet-stream")
    pattern = compile_pattern(source.matching("any"))
    assert all(pattern.matches(event) for event in recorder.events)


async def test_an_event_keeps_its_own_source_and_is_found_by_its_sensor() -> None:
    recorder = Recorder()
    event: Event = new_event(
        id="1", source="/mine", type="t", data={"a": 1}, now=START, extensions={"x": 1}
    )
    source = returning(event)
    await run(source, recorder, 0.5)
    (found,) = recorder.events
    assert (found.source, found.key) == ("/mine", event.key)
    assert dict(found.extensions) == {"x": 1, "sensor": "news"}
    assert compile_pattern(source.matching("any")).matches(found)


RIGHT: list[tuple[Any, int, int]] = [
    (None, 0, 0),
    ([], 0, 0),
    (({}, {}), 2, 1),
    ([{}, {}], 2, 1),
    ((None, 5), 0, 1),
]


@pytest.mark.parametrize(("value", "events", "emissions"), RIGHT)
async def test_what_may_be_returned(value: Any, events: int, emissions: int) -> None:
    recorder = Recorder()
    await run(returning(value), recorder, 0.5)
    assert (len(recorder.events), len(recorder.emissions)) == (events, emissions)


WRONG: list[tuple[Any, str]] = [
    (5, "it returned int; return a list of events"),
    ([5], "event 1 is int, neither an Event nor a mapping"),
    ([{}, {"subjct": "x"}], "event 2 has an unknown field 'subjct'"),
    ([{"type": 5}], "event 1: type must be text, not int"),
    ([{"data": object()}], "the data of event 1 is not JSON"),
    ([{"data": "\ud800"}], "the data of event 1 is not JSON"),
    (([], {1, object()}), "the cursor is not JSON"),
    ([{"time": "today"}], "event 1: time 'today' is no RFC 3339 time"),
    ([{"time": datetime(2026, 1, 1)}], "event 1: time has no zone"),
]


@pytest.mark.parametrize(("value", "reason"), WRONG)
async def test_a_bad_return_names_place_and_fault(value: Any, reason: str) -> None:
    recorder = Recorder()
    source = returning(value)
    message = await failure(source, recorder)
    assert message.startswith(f"sensor news ({place_of(source.fn)}): ")
    assert reason in message
    assert not recorder.emissions
    assert recorder.reason == "starting"


async def test_a_function_that_raises_ends_the_sensor_and_is_named() -> None:
    @sensor(every="1s")
    async def broken() -> None:
        raise ZeroDivisionError("no")

    message = await failure(broken, Recorder())
    assert message == f"sensor broken ({place_of(broken.fn)}) raised ZeroDivisionError: no"


async def test_the_pause_is_counted_from_call_to_call_and_survives_a_clock_set_back() -> None:
    times: list[float] = []

    @sensor(every="10s")
    async def slow() -> None:
        times.append(anyio.current_time())
        await anyio.sleep(4)

    recorder, clock = Recorder(), FakeClock()
    built = CustomSensor.build(make_context(spec_of(slow), recorder, clock=clock))
    with anyio.move_on_after(25):
        async with anyio.create_task_group() as group:
            await group.start(built.run)
            clock.step(-3_600_000_000)
    assert times[1] - times[0] == pytest.approx(14)
    assert times[2] - times[1] == pytest.approx(10)


def test_where_keeps_it_a_sensor_source() -> None:
    source = returning([]).where({"data": {"a": [1]}})
    assert isinstance(source, CustomSource)
    assert source.pattern == {"data": {"a": [1]}}
    assert source.fn() == []


def test_two_functions_of_one_name_are_refused() -> None:
    one, other = spec_of(returning([])), spec_of(returning([]))
    assert CustomSensor.merge([one, other]) == one

    @sensor(every="1s", name="news")
    def different() -> None: ...

    with pytest.raises(SourceError, match="two sensors are named 'news'"):
        CustomSensor.merge([one, spec_of(different)])


def yielding() -> Any:
    yield 1


def many(cursor: Any, more: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "every", "reason"),
    [
        (yielding, "1s", "does not yield"),
        (many, "1s", r"takes the cursor or nothing, not \(cursor, more\)"),
        (len, "x", "'x' is no duration"),
        (many, "1ms", "at least 10 ms"),
    ],
)
def test_what_cannot_be_a_sensor_says_why(
    function: Callable[..., Any], every: str, reason: str
) -> None:
    with pytest.raises(SourceError, match=reason) as caught:
        sensor(every=every)(function)
    if inspect.isfunction(function):
        assert f"{__file__}:{function.__code__.co_firstlineno}" in str(caught.value)
