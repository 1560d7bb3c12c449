from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from triphammer.config.patterns import compile_pattern
from triphammer.config.source import Source
from triphammer.sensors.codec import new_event
from triphammer.sensors.errors import SourceError
from triphammer.sensors.posted import END_STATES, events, finished


@dataclass(frozen=True)
class Flow:
    name: str


def matches(source: Source, /, **attributes: Any) -> bool:
    given: dict[str, Any] = {"id": "1", "source": "s", "type": "t", "data": None, **attributes}
    event = new_event(**given, now=0)
    return compile_pattern(source.matching("listener")).matches(event)


def test_events_match_by_type_and_source() -> None:
    assert matches(events(type="t"))
    assert not matches(events(type="u"))
    assert matches(events(type=["u", "t"], source="s"))
    assert not matches(events(type="t", source="other"))
    assert matches(events(type="order.*"), type="order.paid")
    assert not matches(events(type="order.*"), type="orders")
    assert matches(events(source={"prefix": "/shop"}), source="/shop/1")


def test_events_needs_something_to_match() -> None:
    with pytest.raises(SourceError, match="needs a type or a source"):
        events()
    with pytest.raises(SourceError, match="empty list"):
        events(type=[])


@pytest.mark.parametrize("flow", ["a", Flow("a"), ["a", Flow("b")]])
def test_finished_matches_ends_of_the_named_flows(flow: Any) -> None:
    source = finished(flow, state="failed")
    run: dict[str, Any] = {"type": "triphammer.run.finished", "subject": "a"}
    assert matches(source, **run, data={"state": "failed"})
    assert not matches(source, **run, data={"state": "succeeded"})
    assert not matches(source, **{**run, "subject": "c"}, data={"state": "failed"})


def test_finished_may_be_any_flow_and_any_state() -> None:
    for state in END_STATES:
        run: dict[str, Any] = {"type": "triphammer.run.finished", "subject": "x"}
        assert matches(finished(), **run, data={"state": state})
        assert matches(finished("*", state=["failed", state]), **run, data={"state": state})
    assert not matches(finished(), type="t", subject="x", data={"state": "failed"})


def test_neither_needs_a_sensor() -> None:
    for source in (events(type="t"), finished("a", state="failed")):
        assert source.spec("listener") is None
    assert finished("a", state="failed").text == "finished('a', state=['failed'])"
    assert events(type="t").text == "events(type='t')"


def test_finished_names_what_is_wrong() -> None:
    with pytest.raises(SourceError, match="no final state 'done'"):
        finished("a", state="done")
    wrong: Any = 7
    with pytest.raises(SourceError, match="takes a flow, its name"):
        finished(wrong)
