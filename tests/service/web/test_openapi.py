"""The OpenAPI document describes all that the API takes and answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from triphammer.service.access.protection import Protection
from triphammer.service.web import doors
from triphammer.service.web.app import build_app
from triphammer.service.web.openapi import Application


class _Nothing:
    def routes(self) -> list[Any]:
        return []


def an_application() -> Application:
    """One without parts: only its routes and its document are looked at."""
    nothing: Any = _Nothing()
    return build_app(
        operations=nothing,
        reading=nothing,
        overview=nothing,
        deadletters=nothing,
        flow_state=nothing,
        backfills=nothing,
        versions=nothing,
        reloads=nothing,
        console=nothing,
        signin=nothing,
        pages=nothing,
        probes=nothing,
        streams=nothing,
        tokens=nothing,
        protection=Protection(True, True, ""),
        version="1",
    )


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = an_application()
    assert app.openapi() is app.openapi()
    return app.openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def resolved(document: dict[str, Any], value: Any) -> Any:
    """What `value` is, or is a reference to."""
    reference = value.get("$ref")
    if reference is None:
        return value
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def references(value: dict[str, Any] | list[Any] | str | float | None) -> Iterator[Any]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from references(item)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > 100
    for reference in found:
        assert resolved(document, reference)


def test_every_answer_is_described_and_every_error_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert {"400", "408", "414", "429", "431", "503"} <= operation["responses"].keys(), name
        if name.startswith("post"):
            assert "413" in operation["responses"], name
        for status, response in operation["responses"].items():
            content = resolved(document, response)["content"]
            if status < "400":
                assert all(media["schema"] for media in content.values()), name
            elif (name, status) != ("get /readyz", "503"):
                schema = content["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)


def test_the_doors_are_in_it(document: dict[str, Any]) -> None:
    assert set(document["paths"][doors.EVENTS]) == {"get", "post"}
    assert set(document["paths"][doors.HOOKS + "{path}"]) == {"post"}
    assert {"/livez", "/readyz", "/metrics", "/api/v1/stream"} <= document["paths"].keys()


def test_an_answer_is_described_by_its_annotation(document: dict[str, Any]) -> None:
    answer = document["paths"]["/api/v1/runs/{id}"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/RunInFull"
    }
    run = document["components"]["schemas"]["RunInFull"]
    assert set(run["required"]) == set(run["properties"])
    assert run["properties"]["created_at"] == {"type": "string", "format": "date-time"}


def test_names_are_unique_and_parameters_never_null(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            schema = resolved(document, parameter)["schema"]
            assert {"type": "null"} not in schema.get("anyOf", ()), name


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("flow=a", ""),
        ("flow=a&flow=b", "flow"),
        ("flow=a&flow=a", "flow"),
        ("limit=1&limit=2", "limit"),
        ("tag=a&state=failed", ""),
        ("strange=1&strange=2", ""),
    ],
)
async def test_what_is_given_twice_is_not_taken_for_the_last(query: str, refused: str) -> None:
    transport = httpx.ASGITransport(an_application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(f"/api/v1/runs?{query}")
    assert (answer.status_code == 422) is bool(refused)
    if refused:
        assert answer.json()["detail"] == f"{refused} is given more than once: which one is meant?"


@pytest.mark.anyio
async def test_a_wrong_method_is_told_those_of_its_own_path() -> None:
    transport = httpx.ASGITransport(an_application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path, methods in (("/api/v1/runs/compare", "GET"), ("/api/v1/runs/x", "GET, PATCH")):
            answer = await client.delete(path)
            assert (answer.status_code, answer.headers["allow"]) == (405, methods)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
