from __future__ import annotations

from typing import Any

import pytest

from triphammer.config.source import SensorSpec, Source
from triphammer.sensors.errors import SourceError
from triphammer.sensors.kafka.sensor import KafkaSensor
from triphammer.sensors.kafka.source import topic


def merged(*sources: Source) -> dict[str, Any]:
    specs: list[SensorSpec] = []
    for source in sources:
        spec = source.spec("flow")
        assert spec is not None
        specs.append(spec)
    assert len({spec.id for spec in specs}) == 1
    return dict(KafkaSensor.merge(specs).options)


def test_one_sensor_a_connection_and_group() -> None:
    ids = [
        spec.id
        for source in (
            topic("a"),
            topic("b", value="text"),
            topic("a", group="g"),
            topic("a", connection="second"),
        )
        if (spec := source.spec("flow"))
    ]
    assert ids == ["kafka:kafka", "kafka:kafka", "kafka:kafka/g", "kafka:second"]


def test_topics_of_all_flows_are_joined() -> None:
    options = merged(topic("b", "a"), topic("a"), topic("c", value="bytes"))
    assert options == {
        "topics": {"a": "json", "b": "json", "c": "bytes"},
        "group": None,
        "connection": "kafka",
    }


def test_two_readings_of_one_topic_are_a_load_error() -> None:
    with pytest.raises(SourceError, match=r"topic 'a' is read as value=\"json\" and as"):
        merged(topic("a"), topic("a", value="text"))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", ".", "..", "x" * 250, "a\n"])
def test_names_that_kafka_does_not_allow(name: str) -> None:
    with pytest.raises(SourceError, match="no name of a Kafka topic"):
        topic("orders", name)


def test_other_mistakes_name_the_cure() -> None:
    with pytest.raises(SourceError, match=r'topic\("orders"\)'):
        topic()
    with pytest.raises(SourceError, match="json, text, bytes"):
        topic("a", value="xml")  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="group="):
        topic("a", group="")


def test_its_text_is_as_it_was_written() -> None:
    assert topic("a", "b").text == "topic('a', 'b')"
