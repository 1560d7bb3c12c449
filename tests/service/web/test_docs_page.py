"""The API's page tells all that the document does, and asks nobody else for anything."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.requests import Request

from triphammer.service.health import Health
from triphammer.service.web.docs import Docs, operations
from triphammer.service.web.pages import Pages

pytestmark = pytest.mark.anyio
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/a/{id}": {
            "post": {
                "tags": ["things"],
                "operationId": "do_a",
                "description": "Do <it>.\n\nAt length.",
                "security": [{}, {"token": ["operate"]}],
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]
                            }
                        }
                    }
                },
                "responses": {
                    "404": {"$ref": "#/components/responses/404"},
                    "200": {
                        "description": "Done.",
                        "content": {"x": {"schema": {"$ref": "#/components/schemas/A"}}},
                    },
                },
            }
        },
        "/b": {"get": {"operationId": "b", "description": "B.", "responses": {}, "security": []}},
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "required": True}},
        "responses": {"404": {"description": "None."}},
        "schemas": {"A": {"type": "object", "description": "An <A>."}},
    },
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_what_is_told_of_an_operation() -> None:
    (tag, first), (other, second) = operations(DOCUMENT)
    assert (tag, other, first["scope"], second["scope"]) == ("things", "other", "operate", "")
    assert first["body"] == ["A"]
    assert first["answers"] == [("200", "Done.", ["A"]), ("404", "None.", [])]
    assert first["parameters"][0]["name"] == "id"


async def test_the_page() -> None:
    pages = Pages(Health(lambda: 0), guarded=False, mask=str)
    answer = await Docs(lambda: DOCUMENT, pages).page(Request({"type": "http"}))
    text = bytes(answer.body).decode()
    assert "Do &lt;it&gt;." in text
    assert "An &lt;A&gt;." in text
    assert re.findall(r"<script(?! src=\"/static/)", text) == []
    assert "http://" not in text
    assert "https://" not in text
