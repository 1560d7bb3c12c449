"""`/docs`: the OpenAPI document as a page, without scripts and without any other host's help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from triphammer.service.web.pages import Pages

Json = Mapping[str, Any]


class Docs:
    """The page of the document that `document` returns."""

    def __init__(self, document: Callable[[], Json], pages: Pages) -> None:
        self._document = document
        self._pages = pages

    async def page(self, request: Request) -> Response:
        """Every operation by its tag, and every schema."""
        document = self._document()
        by_tag: dict[str, list[Json]] = {}
        for tag, told in operations(document):
            by_tag.setdefault(tag, []).append(told)
        schemas: Json = document["components"]["schemas"]
        return self._pages.page("docs.html", tags=by_tag, schemas=sorted(schemas.items()))


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """The tag of each operation, and what the page tells of it."""
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            parameters = told.get("parameters", ())
            yield (
                told.get("tags", ["other"])[0],
                {
                    "id": told["operationId"],
                    "method": method.upper(),
                    "path": path,
                    "text": told["description"],
                    "scope": _scope(told),
                    "parameters": [_resolved(document, item) for item in parameters],
                    "body": sorted(_names(told.get("requestBody", {}))),
                    "answers": [
                        (status, _resolved(document, answer)["description"], _names(answer))
                        for status, answer in sorted(told["responses"].items())
                    ],
                },
            )


def _scope(told: Json) -> str:
    ways = told.get("security", ())
    return next((scope for way in ways for scopes in way.values() for scope in scopes), "")


def _resolved(document: Json, item: Json) -> Json:
    found: Any = item
    if "$ref" in item:
        found = document
        for name in str(item["$ref"]).removeprefix("#/").split("/"):
            found = found[name]
    return found  # type: ignore[no-any-return]


def _names(item: Json) -> list[str]:
    """The schemas that a body or an answer is of."""
    schemas = [media.get("schema", {}) for media in item.get("content", {}).values()]
    flat = [one for schema in schemas for one in schema.get("anyOf", (schema,))]
    names = [str(one["$ref"]).rpartition("/")[2] for one in flat if "$ref" in one]
    return list(dict.fromkeys(names))
