"""Forms for JSON schemas, and what was filled in read back."""

from __future__ import annotations

from typing import Any

from triphammer.service.web.forms import fields, read_form

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
