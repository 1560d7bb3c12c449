"""The table of scopes and the routes that there are fit each other, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from tests.service.web.test_openapi import an_application
from triphammer.service.access.routes import DECLARED, EVENTS, HOOKS, RULES, SAFE
from triphammer.service.access.scopes import Need
from triphammer.service.web.console.console import Console
from triphammer.service.web.probes import Probes
from triphammer.service.web.signin import SignIn

nothing: Any = None
ELSEWHERE = {("POST", HOOKS + "{path:path}"), ("POST", EVENTS), ("GET", "/static/{path:path}")}
"""Served by the doors, which are no routes, and by a mounted folder."""

NEEDS: Mapping[Need, str] = {
    "public": """
        GET /livez
        GET /readyz
        GET /signin
        POST /signin
        POST /signout
    """,
    "read": """
        GET /
        GET /api/v1/artifacts/{digest}
        GET /api/v1/backfills
        GET /api/v1/backfills/{id}
        GET /api/v1/breakers
        GET /api/v1/deadletters
        GET /api/v1/events
        GET /api/v1/events/{key}
        GET /api/v1/flows
        GET /api/v1/flows/{name}
        POST /api/v1/flows/{name}/backfills/plan
        GET /api/v1/flows/{name}/grid
        GET /api/v1/flows/{name}/state
        GET /api/v1/flows/{name}/state/{key:path}
        GET /api/v1/flows/{name}/stats
        GET /api/v1/flows/{name}/versions
        GET /api/v1/messages/{id}
        GET /api/v1/outbox
        GET /api/v1/outbox/{id}
        GET /api/v1/runs
        GET /api/v1/runs/compare
        GET /api/v1/runs/{id}
        GET /api/v1/runs/{id}/artifacts
        GET /api/v1/runs/{id}/logs
        GET /api/v1/runs/{id}/stored
        GET /api/v1/runs/{id}/stored/{digest}
        GET /api/v1/runs/{id}/tasks/{task:path}/result
        GET /api/v1/sensors
        GET /api/v1/stats
        GET /api/v1/store
        GET /api/v1/stream
        GET /api/v1/versions/{id}/diff/{other}
        GET /api/v1/versions/{id}/source
        GET /artifacts/{digest}/view
        GET /backfills/{id}
        GET /deadletters
        GET /deadletters/all
        GET /deadletters/{id}
        GET /docs
        GET /events
        GET /events/{key}
        GET /flows
        GET /flows/{name}
        GET /flows/{name}/backfills
        GET /flows/{name}/versions
        GET /flows/{name}/versions/{version}
        GET /metrics
        GET /openapi.json
        GET /outbox
        GET /health
        GET /sensors
        GET /sensors/{id:path}
        GET /outbox/{id}
        GET /palette
        GET /runs
        GET /runs/compare
        GET /runs/{id}
        GET /runs/{id}/lines
        GET /runs/{id}/log.txt
    """,
    "operate": """
        POST /api/v1/backfills/{id}/cancel
        POST /api/v1/deadletters/redrive
        POST /api/v1/deadletters/skip
        POST /api/v1/flows/{name}/backfills
        POST /api/v1/flows/{name}/pause
        POST /api/v1/flows/{name}/resume
        POST /api/v1/flows/{name}/runs
        DELETE /api/v1/flows/{name}/state
        DELETE /api/v1/flows/{name}/state/{key:path}
        PUT /api/v1/flows/{name}/state/{key:path}
        POST /api/v1/reload
        PATCH /api/v1/runs/{id}
        POST /api/v1/runs/{id}/cancel
        POST /api/v1/runs/{id}/mark
        POST /api/v1/runs/{id}/retry
        POST /api/v1/runs/{id}/tasks/{task:path}/approve
        POST /api/v1/runs/{id}/tasks/{task:path}/mark
        POST /api/v1/runs/{id}/tasks/{task:path}/reject
        POST /backfills/{id}/cancel
        POST /deadletters/redrive
        POST /deadletters/skip
        POST /api/v1/sensors/{id:path}/pause
        POST /api/v1/sensors/{id:path}/resume
        POST /sensors/{id:path}/pause
        POST /sensors/{id:path}/resume
        POST /events/{key}/again
        POST /events/{key}/start
        POST /flows/{name}/backfills
        POST /flows/{name}/pause
        POST /flows/{name}/resume
        POST /flows/{name}/runs
        POST /runs/{id}/again
        POST /runs/{id}/cancel
        POST /runs/{id}/note
        POST /runs/{id}/retry
        POST /runs/{id}/tasks/{task:path}/answer
    """,
    "admin": """
        GET /api/v1/audit
        POST /api/v1/prune
        GET /api/v1/settings
        GET /settings
        GET /api/v1/tokens
        POST /api/v1/tokens
        POST /api/v1/tokens/{id}/revoke
        GET /audit
        GET /tokens
        POST /tokens
        POST /tokens/{id}/revoke
    """,
}
"""What each route asks for, once more and in full: whoever adds one decides here."""


def needed() -> dict[tuple[str, str], Need]:
    """The table as it is looked up."""
    return {
        (method, path): need
        for need, lines in NEEDS.items()
        for method, path in map(str.split, lines.strip().splitlines())
    }


def example(path: str) -> str:
    """A path that a route serves: its parameters stand for themselves."""
    return path.replace("{", "").replace("}", "").replace(":path", "")


def served() -> Iterator[tuple[str, str]]:
    """Method and path, as the router has it, of every route."""
    for context in iter_route_contexts(an_application().routes):
        yield from ((method, context.path or "") for method in context.methods or ())
    parts: dict[str, Any] = dict.fromkeys(signature(Console).parameters)
    pages = Console(**parts).routes()
    for route in (
        *pages,
        *SignIn(nothing, nothing, nothing).routes(),
        *Probes(nothing, nothing).routes(),
    ):
        if isinstance(route, Route):
            yield from ((method, route.path) for method in route.methods or ())


def test_what_changes_something_has_its_scope_in_the_table() -> None:
    """Else nobody but an admin can use it. The paths must be the same letter by letter: `{task}`
    is not `{task:path}`."""
    changing = {route for route in served() if route[0] not in SAFE}
    assert len(changing) > 20
    assert changing - set(DECLARED) == set(), "declare them in service/access/routes.py"


def test_what_the_table_names_is_served() -> None:
    assert set(DECLARED) - set(served()) == ELSEWHERE


def test_every_route_asks_for_what_is_written_here() -> None:
    table, routes = needed(), {route for route in served() if route[0] != "HEAD"}
    assert routes - set(table) == set(), "say in NEEDS who may use them"
    assert set(table) - routes == set(), "they are gone: take them from NEEDS"
    for (method, path), need in table.items():
        assert RULES.need(method, example(path)) == need, (method, path)


def test_no_route_is_opened_by_the_rule_of_another() -> None:
    for method, path in served():
        if method == "HEAD":
            continue
        told = DECLARED.get((method, path), "read" if method in SAFE else "admin")
        assert RULES.need(method, example(path)) == told, (method, path)
