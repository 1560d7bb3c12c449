"""The table of scopes and the routes that there are fit each other, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import Route

from tests.service.web.test_openapi import an_application
from triphammer.service.access.routes import DECLARED, EVENTS, HOOKS, RULES, SAFE
from triphammer.service.web.console.console import Console
from triphammer.service.web.probes import Probes
from triphammer.service.web.signin import SignIn

nothing: Any = None
ELSEWHERE = {("POST", HOOKS + "{path:path}"), ("POST", EVENTS), ("GET", "/static/{path:path}")}
"""Served by the doors, which are no routes, and by a mounted folder."""


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


def test_no_route_is_opened_by_the_rule_of_another() -> None:
    for method, path in served():
        if method == "HEAD":
            continue
        told = DECLARED.get((method, path), "read" if method in SAFE else "admin")
        example = path.replace("{", "").replace("}", "").replace(":path", "")
        assert RULES.need(method, example) == told, (method, path)
