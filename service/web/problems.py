"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from triphammer.config.errors import TriphammerError
from triphammer.flows.errors import FlowError, ParamMisfit, UnknownTask
from triphammer.sensors.errors import Overloaded, Rejected
from triphammer.service.errors import Changed, Denied, NotFound, StateForbids

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """A problem document: `title` is the status' phrase, `detail` says what to do."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return JSONResponse(
        {**body, "detail": detail, **more},
        status_code=status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def problem_of(error: TriphammerError) -> Response:
    """The problem document for one of our own errors."""
    if isinstance(error, Overloaded):
        wait = str(max(1, round(error.retry_after)))
        return problem(error.status, str(error), headers={"Retry-After": wait})
    if isinstance(error, Denied):
        return problem(error.status, str(error), headers=error.headers)
    if isinstance(error, ParamMisfit):
        found = [
            {"where": f"{error.where}.{name}" if name else error.where, "problem": fault}
            for name, fault in error.faults.items()
        ]
        return problem(_status(error), str(error), errors=found)
    return problem(_status(error), str(error))


def _status(error: TriphammerError) -> int:
    if isinstance(error, Rejected):
        return error.status
    if isinstance(error, (NotFound, UnknownTask)):
        return 404
    if isinstance(error, StateForbids):
        return 409
    if isinstance(error, Changed):
        return 412
    if isinstance(error, FlowError):
        return 422
    return 500


async def on_triphammer_error(request: Request, error: Exception) -> Response:
    """Exception handler for every `TriphammerError`."""
    assert isinstance(error, TriphammerError)
    return problem_of(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Exception handler for Starlette's own errors (unknown route, wrong method)."""
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # Starlette names its first route's
        headers = {**(headers or {}), "Allow": ", ".join(sorted(_methods(request)))}
    return problem(error.status_code, str(error.detail), headers=headers)


def _methods(request: Request) -> set[str]:
    """The methods of all routes of the first path that fits what was asked for: `/runs/compare`
    is no run, though `/runs/{id}` would fit as well."""
    path = request.scope["path"]
    found = iter_route_contexts(request.app.routes)
    fitting = [r for r in found if r.path is not None and compile_path(r.path)[0].match(path)]
    return {
        method
        for route in fitting
        if route.path == fitting[0].path
        for method in route.methods or ()
    }
