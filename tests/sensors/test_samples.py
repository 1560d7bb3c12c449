from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from triphammer.config.patterns import compile_pattern
from triphammer.sensors.event import Event
from triphammer.sensors.files.identity import identity_at
from triphammer.sensors.kafka.source import topic
from triphammer.sensors.samples import file_event, record_event, timer_event, webhook_event
from triphammer.sensors.timers import cron
from triphammer.sensors.times import parse_rfc3339
from triphammer.sensors.webhook import webhook


def test_a_file_event_writes_its_file(tmp_path: Path) -> None:
    event = file_event(tmp_path / "in" / "a.csv", "id\n1\n", root=tmp_path)
    path = tmp_path / "in" / "a.csv"
    assert path.read_text() == "id\n1\n"
    assert event.subject == "in/a.csv"
    assert event.data["path"] == str(path)
    assert (event.data["name"], event.data["size"]) == ("a.csv", 5)
    assert parse_rfc3339(event.data["mtime"]).timestamp() == pytest.approx(path.stat().st_mtime)
    assert file_event(path).subject == "a.csv"
    assert file_event(path, b"\xff", root=tmp_path).id != event.id


@pytest.mark.parametrize(
    ("event", "source"),
    [
        (webhook_event("/p/", {"a": 1}, headers={"A": "b"}), webhook("p")),
        (record_event("orders", {"a": 1}, key="k"), topic("orders")),
        (timer_event("listener"), cron("@daily")),
    ],
)
def test_a_sample_is_what_its_source_matches(event: Event, source: Any) -> None:
    assert compile_pattern(source.matching("listener")).matches(event)


def test_samples_say_what_they_are() -> None:
    assert webhook_event("p", b"x").content_type == "application/octet-stream"
    assert record_event("t", "x", key="k").subject == "k"
    due = datetime(2026, 1, 2, tzinfo=UTC)
    tick = timer_event("f", due, missed=2)
    assert tick.id == "f@2026-01-02T00:00:00Z"
    assert tick.data["start"] == "2026-01-01T00:00:00Z"
    assert tick.time == due
    assert timer_event("f", due, start=due).data["start"] == tick.data["due"]


def test_a_file_is_known_by_its_identity_as_the_sensor_knows_it(tmp_path: Path) -> None:
    event = file_event(tmp_path / "a.csv", b"1")
    assert event.extensions["identity"] == identity_at(tmp_path / "a.csv")
