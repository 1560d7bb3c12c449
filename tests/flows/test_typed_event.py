"""`event: Event[Order]` decodes the data once; what does not fit is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.flows.support import an_event
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import ValueMisfit
from triphammer.flows.flow import flow
from triphammer.flows.typed_event import REQUESTED, check_event, typed_event
from triphammer.sensors.event import Event


@dataclass
class Order:
    id: int


@flow
def typed(event: Event[Order]) -> None: ...


@flow
def untyped(event: Event) -> None: ...


TYPED, UNTYPED = definition_of(typed), definition_of(untyped)


def test_data_is_what_the_annotation_says() -> None:
    event = an_event({"id": 1})
    check_event(TYPED, event)
    decoded = typed_event(TYPED, event)
    assert (decoded.data, decoded.key) == (Order(1), event.key)


def test_without_a_type_the_event_stays_as_it_is() -> None:
    event: Event[Any] = an_event(object())
    check_event(UNTYPED, event)
    assert typed_event(UNTYPED, event) is event


def test_a_misfit_names_the_flow_and_the_place() -> None:
    for look in (check_event, typed_event):
        with pytest.raises(ValueMisfit, match=r"event.data of typed: Expected `int`, got `str` - "):
            look(TYPED, an_event({"id": "x"}))


def test_the_event_of_a_manual_run_is_never_an_order() -> None:
    event = an_event({"params": {}, "by": "me"}, type=REQUESTED)
    check_event(TYPED, event)
    assert typed_event(TYPED, event) is event
