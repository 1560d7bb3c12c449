"""References into the event and the parameters, and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest

from tests.flows.support import KnownScope, an_event
from triphammer.flows.drawing import Drawing
from triphammer.flows.errors import GraphError, HandleError
from triphammer.flows.expr import Expr, resolve
from triphammer.flows.kinds import field_names
from triphammer.flows.references import EventRef, ParamRef, suggest, text
from triphammer.sensors.event import Event


class Line(msgspec.Struct):
    sku: str


@dataclass
class Order:
    id: int
    lines: list[Line]


class Model(pydantic.BaseModel):
    id: int


DATA = {"a": [{"b": 1}], "none": None}


def value(reference: Any, **scope: Any) -> Any:
    assert isinstance(reference, Expr)
    return reference.evaluate(KnownScope(**scope))


def test_steps_lead_into_the_event() -> None:
    ref, event = EventRef(), an_event(DATA, subject="s", headers={"x-y": "z"})
    assert value(ref, event=event) is event
    assert value(ref.subject, event=event) == "s"
    assert value(ref["subject"], event=event) == "s"
    assert value(ref.data["a"][0]["b"], event=event) == 1
    assert value(ref.headers["x-y"], event=event) == "z"
    assert value(ref.data.get("a")[-1].get("b", 7), event=event) == 1


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (EventRef().data.get("ref", "main"), "main"),
        (EventRef().data.get("ref"), None),
        (EventRef().data.get("ref").get("deeper", 3), 3),
        (EventRef().data.get("none", 3), None),
        (EventRef().data["a"].get(5, "no"), "no"),
        (EventRef().data["a"].get(0), {"b": 1}),
        (EventRef().data.get("ref", ParamRef("p")), "given"),
        (EventRef().data[ParamRef("k")], None),
    ],
)
def test_defaults_stand_in_for_what_is_missing(reference: Any, expected: Any) -> None:
    scope = {"p": "given", "k": "none"}
    assert value(reference, event=an_event(DATA), params=scope) == expected


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (EventRef().data["z"], r"no \['z'\] in a dict; its keys: 'a', 'none'"),
        (EventRef().data["a"][4], r"no \[4\] in a list; it has 1 items"),
        (EventRef().data["none"]["x"], r"no \['x'\] in a NoneType"),
        (EventRef(data=Order).data.id, r"no .id in a dict"),
    ],
)
def test_a_miss_says_what_there_is(reference: Any, message: str) -> None:
    with pytest.raises(LookupError, match=message):
        value(reference, event=an_event(DATA))


def test_an_empty_mapping_and_a_missing_field_are_told_too() -> None:
    with pytest.raises(LookupError, match="it is empty"):
        value(ParamRef("p")["x"], params={"p": {}})
    with pytest.raises(LookupError, match=r"no .lines in a Line"):
        value(EventRef(data=Order).data.lines, event=an_event(Line("x")))


def test_typed_data_is_reached_by_attribute_and_by_item() -> None:
    ref, event = EventRef(Event, Order), an_event(Order(7, [Line("x")]))
    assert value(ref.data.id, event=event) == 7
    assert value(ref.data["id"], event=event) == 7
    assert value(ref.data.lines[0].sku, event=event) == "x"
    assert value(ref.data.lines[0].get("sku"), event=event) == "x"
    assert value(ref.data.lines[0].get("price", 1), event=event) == 1


def test_a_slip_in_a_field_is_found_at_load() -> None:
    with pytest.raises(HandleError, match="event has no 'dta': did you mean 'data'"):
        _ = EventRef(Event).dta
    with pytest.raises(HandleError, match=r"event\.data has no 'idd'"):
        _ = EventRef(Event, Order).data.idd
    assert EventRef(None).anything is not None


def test_fields_of_classes_that_have_them() -> None:
    assert field_names(Order) == ("id", "lines")
    assert field_names(Line) == ("sku",)
    assert field_names(Model) == ("id",)
    assert field_names(dict) == ()
    assert field_names(list[int]) == ()


def test_a_parameter_leads_into_its_value() -> None:
    scope = {"p": {"a": [1, 2]}}
    assert value(ParamRef("p")["a"][1:], params=scope) == [2]
    assert repr(ParamRef("p")["a"]) == "p['a']"


def test_text_is_put_together_at_run_time_in_a_body() -> None:
    with Drawing().body(object(), "sample"):
        drawn = text("{f}: {n:>3} rows", f=ParamRef("f"), n=2)
    assert value(drawn, params={"f": "x"}) == "x:   2 rows"
    assert repr(drawn) == "text('{f}: {n:>3} rows')"


def test_text_is_made_at_once_elsewhere() -> None:
    assert text("{a}", a=1) == "1"
    assert isinstance(text("{a}", a=[ParamRef("a")]), Expr)


@pytest.mark.parametrize(
    ("template", "values", "message"),
    [
        ("{naem}", {"name": 1}, "no value for {naem}: did you mean 'name'"),
        ("{a}", {"a": 1, "b": 2}, "no place {b} for b="),
        ("{}", {}, "give each place a name"),
        ("{a", {"a": 1}, "expected '}'"),
        ("{a.b}{c[0]}", {"a": 1}, "no value for {c}"),
    ],
)
def test_names_of_a_text_are_checked_at_once(
    template: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(GraphError, match=r"test_references.py:\d+: ") as caught:
        text(template, **values)
    assert message in str(caught.value)


def test_suggestions() -> None:
    assert suggest("retry", ["retries", "name"]) == ": did you mean 'retries'?"
    assert suggest("xyz", ["b", "a"]) == "; there are: a, b"
    assert suggest("x", []) == ""


def test_templates_keep_their_shape_and_are_copied() -> None:
    template = {"a": [1, (ParamRef("p"), {"b": ParamRef("p")["x"]})]}
    resolved = resolve(template, KnownScope(params={"p": {"x": 5}}))
    assert resolved == {"a": [1, ({"x": 5}, {"b": 5})]}
