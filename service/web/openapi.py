"""The OpenAPI document: FastAPI's own, completed with what FastAPI cannot know.

What a route answers is read from its annotation. The doors, the stream and the probes are no
routes of FastAPI: `openapi.json` describes them, and the problems that there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from triphammer.sensors.errors import Rejected
from triphammer.service.access.protection import Protection
from triphammer.service.access.routes import EVENTS, RULES, STREAM
from triphammer.service.access.scopes import Need
from triphammer.service.web import access_models, code_models, looking_models, models

FILE = Path(__file__).with_suffix(".json")
API = "/api/"
COMPONENTS = "#/components"
ANYWHERE = ("400", "408", "414", "429", "431", "503")
"""Problems that every operation may answer with; what takes a body may answer 413 besides."""
NOT_OURS = ("HTTPValidationError", "ValidationError")
RETRIED = ("429", "503")
UNCHANGED: dict[str, Any] = {
    "304": {"description": "The client has it: `If-None-Match` names its `ETag`.", "content": {}}
}

Problems = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Problems:
    """The problems that a route answers with, besides those that every route may."""
    return {status: {"$ref": f"{COMPONENTS}/responses/{status}"} for status in statuses}


class Route(APIRoute):
    """A route whose answer is described by its annotation, `Answer[...]`."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        status_code: int | None = None,
        responses: Problems | None = None,
        **options: Any,
    ) -> None:
        options["response_model"] = None  # the endpoint has made the response itself
        (answer,) = get_args(get_type_hints(endpoint)["return"])
        schema = {"$ref": f"{COMPONENTS}/schemas/{answer.__name__}"}
        described = {"content": {"application/json": {"schema": schema}}}
        super().__init__(
            path,
            endpoint,
            status_code=status_code,
            responses={status_code or 200: described, **(responses or {})},
            **options,
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, which refuses what is given twice and can be meant but once: the framework
        would take the last, and the client would not learn that the rest does not count."""
        handle = super().get_route_handler()
        single = [
            field.alias
            for field in self.dependant.query_params
            if not _is_list(field.field_info.annotation)
        ]

        async def handling(request: Request) -> Response:
            for name in single:
                if len(request.query_params.getlist(name)) > 1:
                    raise Rejected(422, f"{name} is given more than once: which one is meant?")
            return await handle(request)

        return handling


def _is_list(annotation: Any) -> bool:
    return any(get_origin(kind) is list for kind in (annotation, *get_args(annotation)))


class Application(FastAPI):
    """FastAPI with the whole document, which says what the daemon asks callers for."""

    def __init__(self, *, protection: Protection, **options: Any) -> None:
        super().__init__(**options)
        self._protection = protection

    def openapi(self) -> dict[str, Any]:
        """The document, made when first asked for."""
        document = super().openapi()
        if "Problem" not in document["components"]["schemas"]:
            _complete(document, open=self._protection.open)
        return document


def _complete(document: dict[str, Any], *, open: bool) -> None:
    more: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    paths: dict[str, dict[str, Any]] = document["paths"]
    for path, methods in more["paths"].items():
        paths[path] = {**paths.get(path, {}), **methods}
    components: dict[str, Any] = {**document["components"], **more["components"]}
    components["schemas"] = _schemas(document["components"]["schemas"], more)
    components["responses"] = dict(_responses(more["components"]["responses"])) | UNCHANGED
    document["components"] = components
    for path, methods in paths.items():
        for method, operation in methods.items():
            also = (*ANYWHERE, *_by_layers(method, path, operation))
            need = RULES.need(method.upper(), path)
            if need == "public":
                operation["security"] = []
            else:
                also = (*also, "401", "403")
                operation["security"] = [*([{}] if open else []), *_ways_in(need)]
            _complete_operation(operation, also)


def _by_layers(method: str, path: str, operation: dict[str, Any]) -> tuple[str, ...]:
    """What the layers before the routes answer, and the headers that they look at."""
    if path == STREAM:
        return ()
    if method == "get":
        _takes(operation, "If-None-Match")
        return ("304",)
    if path == EVENTS or not path.startswith(API):
        return ("413",)
    _takes(operation, "Idempotency-Key")
    return ("413", "422")


def _takes(operation: dict[str, Any], header: str) -> None:
    before = [
        one
        for one in operation.get("parameters", ())
        if one.get("name", "").lower() != header.lower()
    ]
    operation["parameters"] = [*before, {"$ref": f"{COMPONENTS}/parameters/{header}"}]


def _ways_in(need: Need) -> list[dict[str, list[str]]]:
    """A token with the scope (OpenAPI 3.1 lets any kind of key name roles)."""
    return [{"token": [need]}]


def _schemas(generated: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Those of bodies, of answers and of the doors; without FastAPI's own form of errors."""
    modules = (models, access_models, code_models, looking_models)
    answers = [item for module in modules for item in vars(module).values() if _is_model(item)]
    described: dict[str, Any]
    _, described = msgspec.json.schema_components(
        answers, ref_template=f"{COMPONENTS}/schemas/{{name}}"
    )
    for schema in described.values():
        schema["description"] = cleandoc(schema.get("description", ""))
    bodies = {name: schema for name, schema in generated.items() if name not in NOT_OURS}
    return {**bodies, **described, **more["components"]["schemas"]}


def _is_model(item: Any) -> bool:
    return isinstance(item, type) and hasattr(item, "__required_keys__") and item is not models.Page


def _responses(told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    schema = {"$ref": f"{COMPONENTS}/schemas/Problem"}
    for status, response in told.items():
        wait = {"$ref": f"{COMPONENTS}/headers/Retry-After"}
        headers = {"headers": {"Retry-After": wait}} if status in RETRIED else {}
        content = {"application/problem+json": {"schema": schema}}
        yield status, {**response, **headers, "content": content}


def _complete_operation(operation: dict[str, Any], also: Iterable[str]) -> None:
    responses: dict[str, Any] = operation["responses"]
    for status in (*also, *(["422"] if "422" in responses else [])):
        if status not in responses or status == "422":
            responses[status] = {"$ref": f"{COMPONENTS}/responses/{status}"}
    for parameter in operation.get("parameters", ()):
        _never_null(parameter.get("schema", {}))


def _never_null(schema: dict[str, Any]) -> None:
    """A parameter may be left out; it cannot be null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])
