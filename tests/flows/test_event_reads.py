"""What a flow needs of its event."""

from __future__ import annotations

from triphammer import Event, every, flow, task, text
from triphammer.flows.definition import definition_of
from triphammer.flows.event_reads import event_reads


@task
def work(*parts: object) -> str:
    return str(parts)


def test_fields_are_told_once_and_in_order() -> None:
    @flow
    def receipts(event: Event) -> object:
        spent = work.map(event.data["prices"])
        return text("{a} {b} {c}", a=event.data["shop"], b=event.data["prices"][0], c=spent)

    assert event_reads(definition_of(receipts)) == ("data.prices", "data.shop")


def test_what_any_start_has_or_does_without_is_not_told() -> None:
    @flow(on=every("1h"))
    def tolerant(event: Event, name: str = "x") -> object:
        return work(
            event.time, event.id, event.data.get("b", name), event.data["params"], event.data["by"]
        )

    assert event_reads(definition_of(tolerant)) == ()


def test_the_whole_event_and_places_inside_conditions_count() -> None:
    @flow
    def whole(event: Event) -> object:
        return work.options(when=event.data["go"] == 1)(event, event.data, event.headers["x-a"])

    found = event_reads(definition_of(whole))
    assert sorted(found) == ["data", "data.go", "event", "headers.x-a"]


def test_the_body_of_an_item_counts() -> None:
    @flow
    def inner(event: Event, n: int) -> object:
        return work(event.data["deep"], n)

    @flow
    def outer(event: Event) -> object:
        return inner.map([1, 2])

    assert event_reads(definition_of(outer)) == ("data.deep",)
