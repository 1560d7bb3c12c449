"""Forms for JSON schemas, and what was filled in read back."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from triphammer.service.web.forms import fields, read_form
from triphammer.service.web.origin import is_foreign

SCHEMA: dict[str, Any] = {
    "properties": {
        "name": {"type": "string", "description": "whose"},
        "size": {"type": "integer", "default": 3},
        "rate": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
        "loud": {"type": "boolean", "default": False},
        "side": {"enum": ["left", "right"], "default": "left"},
        "level": {"$ref": "#/$defs/Level"},
        "rows": {"type": "array"},
        "at": {"anyOf": [{"type": "string", "format": "date"}, {"type": "integer"}]},
    },
    "required": ["name"],
    "$defs": {"Level": {"enum": [1, 2]}},
}


def test_each_kind_has_its_field() -> None:
    form = {field.name: field for field in fields(SCHEMA, {"size": "x"}, {"size": "no number"})}
    assert {name: field.kind for name, field in form.items()} == {
        "name": "text",
        "size": "number",
        "rate": "number",
        "loud": "choice",
        "side": "choice",
        "level": "choice",
        "rows": "json",
        "at": "text",
    }
    assert form["level"].choices == ("1", "2")
    assert [f.name for f in form.values() if f.required] == ["name"]
    assert (form["size"].value, form["size"].hint, form["size"].fault) == ("x", "3", "no number")
    assert form["name"].description == "whose"


def test_what_is_left_empty_is_not_given_and_texts_stay_texts() -> None:
    sent = {"name": "5", "size": "", "rows": "[1, 2]", "loud": "true", "who": "x"}
    assert read_form(SCHEMA, sent) == {"name": "5", "rows": [1, 2], "loud": "true", "who": "x"}
    assert read_form(SCHEMA, {"rows": "[1, "}) == {"rows": "[1, "}


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"origin": "http://here:8420", "host": "here:8420"}, False),
        ({"origin": "http://elsewhere", "host": "here:8420"}, True),
        ({"origin": "null", "host": "here:8420"}, True),
    ],
)
def test_forms_of_other_sites_are_told(headers: dict[str, str], foreign: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert is_foreign(Request({"type": "http", "headers": raw})) is foreign
