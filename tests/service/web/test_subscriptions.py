"""Sources in words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from triphammer import Event, at, cron, events, every, files, finished, flow, secret, topic, webhook
from triphammer.config.source import Source
from triphammer.flows.definition import definition_of
from triphammer.flows.graph import FlowDef
from triphammer.sensors.custom import sensor
from triphammer.sensors.files.source import done_file
from triphammer.sensors.webhook.verify import github
from triphammer.service.web.subscriptions import (
    MISSED,
    MODES,
    Subscription,
    event_search,
    sharing,
    subscriptions,
)


@sensor(every="1m")
def partitions() -> list[dict[str, Any]]:
    return []


def listening(*sources: Source) -> FlowDef:
    @flow(on=list(sources))
    def watched(event: Event) -> None:
        """Watches."""

    return definition_of(watched)


def of(source: Source) -> Subscription:
    (found,) = subscriptions(listening(source), "Asia/Seoul")
    return found


SENTENCES: list[tuple[Source, str]] = [
    (every("30s"), "Every 30s"),
    (every("1h30m", now=True), "Every 1h30m, the first at once"),
    (cron("0 6 * * *"), "At 06:00 every day, in Asia/Seoul"),
    (cron("30 4 * * 1-5", tz="UTC"), "At 04:30 on Monday through Friday, in UTC"),
    (at("2030-01-02T03:04:05Z"), "Once, at 2030-01-02T03:04:05+00:00"),
    (
        files("inbox", "*.csv", "*.tsv"),
        "A file *.csv or *.tsv in inbox is new or has changed, once it has not changed for 500ms",
    ),
    (
        files("in", ready=done_file("{name}.ok")),
        "Any file in in is new or has changed, once its marker {name}.ok stands beside it",
    ),
    (
        files("in", ready="rename"),
        "Any file in in is new or has changed, as soon as it is moved into place",
    ),
    (webhook("order"), "A request POST /hooks/order"),
    (
        webhook("gh", verify=github(secret("GH"))),
        "A request POST /hooks/gh, its signature (GitHub) checked",
    ),
    (topic("orders", "refunds"), "A record in the Kafka topic orders or refunds"),
    (events(type="order.*"), "An event whose type is like 'order.*'"),
    (
        events(type="a", source=["x", "y"]),
        "An event whose type is 'a' and source is 'x' or 'y'",
    ),
    (
        finished("load", state=["failed", "cancelled"]),
        "A run of load has ended failed or cancelled",
    ),
    (finished(), "A run of any flow has ended"),
    (partitions, "The sensor partitions, asked every 1m, returns an event"),
]


@pytest.mark.parametrize(("source", "sentence"), SENTENCES, ids=[s.text for s, _ in SENTENCES])
def test_each_kind_of_source_has_its_sentence(source: Source, sentence: str) -> None:
    found = of(source)
    assert found.sentence == sentence
    assert found.written == source.text


def test_what_becomes_of_missed_ticks_and_moved_files_is_noted() -> None:
    assert of(every("1s", missed="none")).notes == (MISSED["none"],)
    assert of(every("1s", jitter="5s")).notes[1] == "Each comes up to 5s late, by chance."
    assert of(files("in", done="archive", failed="broken")).notes == (
        "It moves to archive once its runs have succeeded.",
        "It moves to broken if one of them fails.",
    )
    assert "Anybody may send it" in of(webhook("open")).notes[0]


def test_conditions_are_told_one_by_one_and_a_predicate_by_its_line() -> None:
    source = webhook("x").where({"data": {"ref": ["main"], "size": [{"numeric": [">", 0]}]}})
    assert of(source).conditions == ("data.ref is 'main'", "data.size is more than 0")
    (told,) = of(webhook("x").where(lambda event: bool(event.data))).conditions
    assert told.startswith("a lambda of the flow's code (line ")


def test_a_kind_of_a_plugin_is_shown_as_it_is_written() -> None:
    plugin = Source(kind="mail", name="in", options={}, match={}, needs_sensor=False, text="mail()")
    assert of(plugin).sentence == "mail()"


@pytest.mark.parametrize("mode", MODES)
def test_how_runs_share_the_place(mode: str) -> None:
    one = msgspec.structs.replace(listening(webhook("x")), mode=mode, max_runs=1)
    assert "at once" not in sharing(one)
    keyed = msgspec.structs.replace(one, per="data.customer", max_runs=4, order_by="subject")
    words = sharing(keyed)
    assert ("with the same data.customer" in words) == (mode != "parallel")
    assert "; at most 4 at once; those with the same subject in the order" in words


def test_the_search_for_the_events_of_a_flow() -> None:
    hook = {"type": "triphammer.webhook.received", "source": "triphammer/webhook/orders"}
    assert event_search(listening(webhook("orders"), every("1h"))) == hook
    timer = event_search(listening(every("1h")))
    assert timer["type"] == "triphammer.timer.fired"
    assert timer.get("source", "triphammer/timer/watched") == "triphammer/timer/watched"
    assert event_search(listening(events(type="a.*"))) == {}
    assert event_search(listening()) == {}
