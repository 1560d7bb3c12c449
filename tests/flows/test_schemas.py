"""The JSON schema of a flow's parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema_rs
import msgspec
import pydantic
import pytest

from triphammer.flows.definition import definition_of
from triphammer.flows.flow import flow
from triphammer.flows.references import event
from triphammer.flows.schemas import params_schema


@dataclass
class Inner:
    depth: int


@dataclass
class Limits:
    most: int
    inner: Inner
    folder: Path = Path("x")


class Model(pydantic.BaseModel):
    other: Other


class Other(pydantic.BaseModel):
    a: int


class Second:
    @dataclass
    class Limits:
        text: str


@flow(params={"env": event.data["env"]})
def sample(
    size: Annotated[int, pydantic.Field(gt=0, description="how many")],
    env: str,
    limits: Limits,
    second: Second.Limits,
    model: Model | None = None,
    side: Literal["left", "right"] = "left",
) -> None: ...


SCHEMA = params_schema(definition_of(sample))
FITS = {"size": 1, "env": "a", "limits": {"most": 1, "inner": {"depth": 2}}, "second": {"text": ""}}


def test_it_tells_of_each_parameter_and_which_are_needed() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["required"] == ["size", "limits", "second"]  # the event may give `env`
    assert SCHEMA["properties"]["side"] == {"enum": ["left", "right"], "default": "left"}
    size = SCHEMA["properties"]["size"]
    assert (size["description"], size["exclusiveMinimum"], size["type"]) == (
        "how many",
        0,
        "integer",
    )


def test_references_count_from_the_root_and_two_of_a_name_are_told_apart() -> None:
    validator = jsonschema_rs.Draft202012Validator(SCHEMA)
    validator.validate({**FITS, "model": {"other": {"a": 1}}})
    wrong: list[dict[str, Any]] = [
        {"size": 0},
        {"limits": {"most": 1, "inner": {"depth": "deep"}}},
        {"second": {"most": 1}},
        {"model": {"other": {"a": "x"}}},
        {"side": "up"},
        {"unknown": 1},
    ]
    for change in wrong:
        with pytest.raises(jsonschema_rs.ValidationError):
            validator.validate({**FITS, **change})


def test_it_is_json_and_empty_without_parameters() -> None:
    assert msgspec.json.decode(msgspec.json.encode(SCHEMA)) == SCHEMA

    @flow
    def plain() -> None: ...

    assert params_schema(definition_of(plain))["properties"] == {}
