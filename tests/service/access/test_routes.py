from __future__ import annotations

import pytest

from triphammer.service.access.routes import RULES, Rules
from triphammer.service.access.scopes import SCOPES, Caller, Need, granted


@pytest.mark.parametrize(
    ("method", "path", "need"),
    [
        ("GET", "/", "read"),
        ("HEAD", "/livez", "public"),
        ("GET", "/livez/", "read"),
        ("GET", "/static/console.css", "public"),
        ("POST", "/static/console.css", "admin"),
        ("POST", "/hooks/a/b", "public"),
        ("POST", "/hooks/../api/v1/tokens", "public"),
        ("GET", "/hooks/a", "read"),
        ("POST", "/api/v1/events", "emit"),
        ("POST", "/api/v1/flows/x/pause", "operate"),
        ("POST", "/api/v1/flows/x/y/pause", "admin"),
        ("GET", "/api/v1/tokens", "admin"),
        ("GET", "/metrics", "read"),
        ("DELETE", "/api/v1/runs/x", "admin"),
        ("POST", "/api/v1/nobody/knows", "admin"),
        ("BREW", "/livez", "admin"),
        ("POST", "/livez", "admin"),
    ],
)
def test_what_a_request_asks_for(method: str, path: str, need: str) -> None:
    assert RULES.need(method, path) == need


def test_the_strictest_of_several_rules_holds() -> None:
    rules = Rules(
        {("POST", "/a/{x}"): "read", ("POST", "/a/b"): "admin", ("POST", "/a/c"): "public"}
    )
    assert rules.need("POST", "/a/b") == "admin"
    assert rules.need("POST", "/a/c") == "read"
    assert rules.need("POST", "/a/d") == "read"


def test_what_scopes_hold() -> None:
    assert granted(["admin"]) == frozenset(SCOPES)
    assert granted(["operate"]) == {"operate", "read"}
    assert granted(["emit", "unknown"]) == {"emit"}
    assert granted([]) == frozenset()
    emitter = Caller(name="x", scopes=granted(["emit"]))
    needs: list[Need] = ["public", *SCOPES]
    assert [need for need in needs if emitter.may(need)] == ["public", "emit"]
