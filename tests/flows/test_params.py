"""Parameters of a run: where their values come from, how they are checked and stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

from tests.flows.support import an_event
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import GraphError, ValueMisfit
from triphammer.flows.flow import flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.params import fill_params, typed_params
from triphammer.flows.references import connection, event, secret


@dataclass
class Limits:
    most: int
    folder: Path = Path("x")


class Model(pydantic.BaseModel):
    a: int


@flow(params={"env": event.data["env"], "size": event.data.get("size", 3)})
def sample(
    env: str,
    size: int,
    rate: Annotated[float, pydantic.Field(gt=0, description="a second")] = 0.5,
    path: Path = Path("p"),
    limits: Limits | None = None,
    model: Model | None = None,
    at: datetime | str = "now",
    side: Literal["left", "right"] = "left",
    verbose: bool = False,
    free: Any = None,
    sloppy: str = None,  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]  # noqa: RUF013
) -> None: ...


SAMPLE = definition_of(sample)


def fill(data: Any = None, **given: Any) -> dict[str, Any]:
    return fill_params(SAMPLE, an_event({"env": "prod"} if data is None else data), given)


def test_given_goes_before_the_event_and_that_before_the_default() -> None:
    assert fill() == {
        "env": "prod",
        "size": 3,
        "rate": 0.5,
        "path": "p",
        "limits": None,
        "model": None,
        "at": "now",
        "side": "left",
        "verbose": False,
        "free": None,
        "sloppy": None,
    }
    assert fill({"env": "a", "size": 7})["size"] == 7
    assert fill({"env": "a", "size": 7}, size=8, env="b")["size"] == 8


def test_what_is_stored_is_json_and_comes_back_as_annotated() -> None:
    stored = fill(limits={"most": 3}, model={"a": 1}, path="q", at="2026-01-02T00:00:00")
    assert msgspec.json.decode(msgspec.json.encode(stored)) == stored
    typed = typed_params(SAMPLE, stored)
    assert typed["limits"] == Limits(3)
    assert typed["model"] == Model(a=1)
    assert typed["path"] == Path("q")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("size", "5", 5), ("rate", "0.25", 0.25), ("verbose", "true", True), ("env", "5", "5")],
)
def test_texts_are_read_as_what_they_must_be(name: str, text: str, value: Any) -> None:
    assert fill(**{name: text})[name] == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sizes": 1}, "sample has no parameter 'sizes': did you mean 'size'?"),
        ({"size": "x"}, "parameter 'size' of sample: Expected `int`, got `str`; the value is 'x'"),
        ({"rate": -1}, "parameter 'rate' of sample: Input should be greater than 0"),
        ({"side": "up"}, "parameter 'side' of sample: Invalid enum value 'up'"),
        ({"limits": {"mst": 1}}, "parameter 'limits' of sample: Object missing required field"),
        ({"free": object()}, "parameter 'free' of sample cannot be stored"),
        ({"free": {1: object}}, "parameter 'free' of sample cannot be stored"),
    ],
)
def test_what_does_not_fit_names_the_parameter(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueMisfit) as caught:
        fill(**given)
    assert message in str(caught.value)


def test_an_event_without_the_value_says_what_it_has() -> None:
    message = r"params= of sample finds no value for 'env': no \['env'\] in a dict; its keys: 'x'"
    with pytest.raises(ValueMisfit, match=message):
        fill({"x": 1})


def test_a_required_parameter_must_be_given_by_hand() -> None:
    @flow
    def manual(n: int) -> None: ...

    with pytest.raises(ValueMisfit, match="manual needs a value for its parameter 'n'"):
        fill_params(definition_of(manual), an_event(), {})
    assert fill_params(definition_of(manual), an_event(), {"n": 1}) == {"n": 1}


def test_a_run_stored_before_a_parameter_was_added_has_its_default() -> None:
    assert typed_params(SAMPLE, {"env": "x", "size": 1})["rate"] == 0.5


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"a": secret("S")}, "the secret S would be stored"),
        ([connection("C")], "the connection C would be stored"),
    ],
)
def test_secrets_are_no_parameters(template: Any, message: str) -> None:
    @flow(params={"n": template})
    def leaky(n: Any) -> None: ...

    with pytest.raises(ValueMisfit, match=message):
        fill_params(definition_of(leaky), an_event(), {})


def schema(name: str) -> Any:
    return dict(SAMPLE.params[name].schema)


def test_each_parameter_has_a_json_schema() -> None:
    assert schema("env") == {"type": "string"}
    assert schema("size") == {"type": "integer"}
    assert schema("rate")["exclusiveMinimum"] == 0
    assert schema("rate")["description"] == "a second"
    assert schema("rate")["default"] == 0.5
    assert schema("side") == {"enum": ["left", "right"], "default": "left"}
    assert schema("path")["default"] == "p"
    assert schema("at")["default"] == "now"
    assert "Limits" in str(schema("limits"))
    assert "Model" in str(schema("model"))
    assert schema("free") == {"default": None}
    for param in SAMPLE.params.values():
        msgspec.json.encode(param.schema)


class Opaque:
    pass


def test_what_has_no_json_form_is_no_parameter() -> None:
    @flow
    def one(x: Opaque) -> None: ...

    @flow
    def two(x: Annotated[Opaque, pydantic.Field(description="d")]) -> None: ...

    for made in (one, two):
        with pytest.raises(GraphError, match=r"test_params.py:\d+: a parameter .* Opaque:"):
            definition_of(made)


def empty(definition: FlowDef) -> dict[str, Any]:
    return fill_params(definition, an_event(), {})


def test_a_fill_may_not_refer_to_tasks_or_other_parameters() -> None:
    from triphammer.flows.drawing import Drawing, Result
    from triphammer.flows.references import ParamRef

    @flow(params={"n": ParamRef("m")})
    def one(n: Any, m: int = 1) -> None: ...

    @flow(params={"n": Result(Drawing(), "load")})
    def two(n: Any) -> None: ...

    with pytest.raises(ValueMisfit, match="the parameter m is not known yet"):
        empty(definition_of(one))
    with pytest.raises(ValueMisfit, match="load has not run yet"):
        empty(definition_of(two))
