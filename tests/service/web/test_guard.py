"""The guard before an application that tells who came in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.contracts.store_cases import opening, running
from triphammer.config.clock import SystemClock
from triphammer.config.settings import Server
from triphammer.sensors.headers import Headers
from triphammer.service.access.audit import Audit
from triphammer.service.access.protection import Protection, refuse_unguarded
from triphammer.service.access.scopes import caller_of
from triphammer.service.access.standing import Access
from triphammer.service.access.throttle import MOST
from triphammer.service.access.tokens import Tokens
from triphammer.service.errors import CannotServe
from triphammer.service.store.access import AuditPage
from triphammer.service.web.guard import Guard

pytestmark = pytest.mark.anyio
RUNS, EVENTS, PAUSE, ADMIN = (
    ("GET", "/api/v1/runs"),
    ("POST", "/api/v1/events"),
    ("POST", "/api/v1/flows/x/pause"),
    ("GET", "/api/v1/tokens"),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def tokens(tmp_path: Path) -> AsyncGenerator[Tokens]:
    async with running(opening("memory", tmp_path)) as opened:
        yield await Tokens.load(opened.store, SystemClock())


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    by = Headers.of_asgi(scope["headers"]).get("triphammer-by")
    await JSONResponse({"who": caller_of(scope).name, "by": by})(scope, receive, send)


def access(address: str = "127.0.0.1", **server: Any) -> Access:
    return Access.of(Server(**server), address)


def guarding(inner: ASGIApp, access: Access, tokens: Tokens) -> Guard:
    return Guard(inner, access, tokens, Audit(tokens.store, SystemClock()))


async def ask(
    guard: Guard,
    method: str = "GET",
    path: str = "/",
    *,
    token: str | None = None,
    client: str = "203.0.113.9",
    host: str = "127.0.0.1:8420",
    **headers: str,
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        named["authorization"] = f"Bearer {token}"
    transport = httpx.ASGITransport(guard, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as asking:
        return await asking.request(method, path, headers={"host": host, **named})


async def test_each_scope_opens_what_it_holds(tokens: Tokens) -> None:
    guard = guarding(inner, access("0.0.0.0"), tokens)
    opened = {
        "read": {RUNS},
        "emit": {EVENTS},
        "operate": {RUNS, PAUSE},
        "admin": {RUNS, EVENTS, PAUSE, ADMIN},
    }
    for scope, doors in opened.items():
        _, text = await tokens.create(scope, [scope], expires_in=None, by="test")
        for door in (RUNS, EVENTS, PAUSE, ADMIN):
            answer = await ask(guard, *door, token=text)
            if door in doors:
                assert (answer.status_code, answer.json()["who"]) == (200, scope)
            else:
                assert answer.status_code == 403
                assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
                assert text not in answer.text


async def test_nobody_is_told_which_scope_is_needed(tokens: Tokens) -> None:
    guard = guarding(inner, access("0.0.0.0"), tokens)
    answer = await ask(guard, *PAUSE)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="triphammer", scope="operate"'
    assert answer.headers["content-type"] == "application/problem+json"
    for path in ("/livez", "/readyz"):
        assert (await ask(guard, "GET", path)).json()["who"] == "nobody"


async def test_who_has_a_token_cannot_say_to_be_somebody_else(tokens: Tokens) -> None:
    _, text = await tokens.create("a", ["operate"], expires_in=None, by="test")
    said = {"triphammer_by": "boss"}
    shut, opened = guarding(inner, access("0.0.0.0"), tokens), guarding(inner, access(), tokens)
    assert (await ask(shut, *PAUSE, token=text, **said)).json()["by"] == "a"
    assert (await ask(opened, *PAUSE, token=text, **said)).json()["by"] == "a"
    assert (await ask(opened, *PAUSE, **said)).json()["by"] == "boss"


async def test_what_is_done_or_refused_is_written_down(tokens: Tokens) -> None:
    guard = guarding(inner, access("0.0.0.0"), tokens)
    row, text = await tokens.create("a", ["operate"], expires_in=None, by="test")
    await ask(guard, *PAUSE, token=text)
    await ask(guard, *RUNS, token=text)
    await ask(guard, *EVENTS, token=text)
    await ask(guard, *PAUSE)
    await ask(guard, "POST", "/api/v1/prune", token=text)
    await ask(guard, "POST", "/hooks/x")
    told = [row.did for row in await tokens.store.audit(AuditPage())]
    assert [(did.action, did.status) for did in told] == [
        ("POST /api/v1/prune", 403),
        ("POST /api/v1/events", 403),
        ("POST /api/v1/flows/x/pause", 200),
    ]
    assert {(did.who, did.token, did.address) for did in told} == {("a", row.id, "203.0.113.9")}


async def test_a_revoked_or_expired_token_opens_nothing(tokens: Tokens) -> None:
    guard = guarding(inner, access("0.0.0.0"), tokens)
    row, text = await tokens.create("a", ["read"], expires_in=None, by="test")
    assert (await ask(guard, *RUNS, token=text)).status_code == 200
    await tokens.revoke("a")
    answer = await ask(guard, *RUNS, token=text)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert not row.in_force(row.created_at) or tokens.row(row.id) is None


async def test_wrong_tokens_are_slowed_and_right_ones_are_not(tokens: Tokens) -> None:
    guard = guarding(inner, access("0.0.0.0"), tokens)
    _, text = await tokens.create("a", ["read"], expires_in=None, by="test")
    for _ in range(MOST):
        assert (await ask(guard, *RUNS, token="trip_wrong")).status_code == 401
    slowed = await ask(guard, *RUNS, token="trip_wrong")
    assert (slowed.status_code, int(slowed.headers["retry-after"]) >= 1) == (429, True)
    assert (await ask(guard, *RUNS, token=text)).status_code == 200
    assert (await ask(guard, *RUNS, token="trip_wrong", client="10.0.0.1")).status_code == 401
    for _ in range(MOST):
        assert (await ask(guard, *RUNS, token=text[:-1] + "~")).status_code in (401, 429)


async def test_guessing_at_one_token_shuts_it_for_that_address(tokens: Tokens) -> None:
    guard = guarding(inner, access("0.0.0.0"), tokens)
    _, text = await tokens.create("a", ["read"], expires_in=None, by="test")
    wrong = text[:-2] + ("AA" if text[-2:] != "AA" else "BB")
    for _ in range(MOST):
        assert (await ask(guard, *RUNS, token=wrong)).status_code == 401
    assert (await ask(guard, *RUNS, token=text)).status_code == 429
    assert (await ask(guard, *RUNS, token=text, client="10.0.0.1")).status_code == 200


async def test_on_loopback_anybody_may_do_anything(tokens: Tokens) -> None:
    guard = guarding(inner, access(), tokens)
    for door in (RUNS, EVENTS, PAUSE, ADMIN):
        assert (await ask(guard, *door)).json()["who"] == "local"
    _, text = await tokens.create("a", ["read"], expires_in=None, by="test")
    assert (await ask(guard, *ADMIN, token="of another daemon")).json()["who"] == "local"
    assert (await ask(guard, *RUNS, token=text)).json()["who"] == "a"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://localhost:3000"},
    ],
)
async def test_pages_of_other_sites_change_nothing(tokens: Tokens, headers: dict[str, str]) -> None:
    guard = guarding(inner, access(), tokens)
    for method, path in (EVENTS, PAUSE, ("POST", "/hooks/x"), ("DELETE", "/x")):
        assert (await ask(guard, method, path, **headers)).status_code == 403
    assert (await ask(guard, *RUNS, **headers)).status_code == 200


async def test_names_that_anybody_could_let_point_here_are_refused(tokens: Tokens) -> None:
    guard = guarding(inner, access(hosts=["Mine.example"]), tokens)
    for host in ("evil.example:8420", "127.0.0.1.evil.example"):
        assert (await ask(guard, *RUNS, host=host)).status_code == 403
        assert (await ask(guard, "GET", "/livez", host=host)).status_code == 200
        assert (await ask(guard, "POST", "/hooks/x", host=host)).status_code == 200
    for host in ("localhost:8420", "[::1]:8420", "127.0.0.1", "builder", "mine.example:1"):
        assert (await ask(guard, *RUNS, host=host)).status_code == 200


async def test_what_a_proxy_passed_on_is_not_from_this_machine(tokens: Tokens) -> None:
    forwarded = {"x_forwarded_for": "203.0.113.9"}
    answer = await ask(guarding(inner, access(), tokens), *RUNS, **forwarded)
    assert (answer.status_code, "trusted_proxies" in answer.text) == (403, True)
    opened = guarding(inner, access(open=True), tokens)
    assert (await ask(opened, *RUNS, **forwarded)).status_code == 200
    asked = guarding(inner, access(trusted_proxies=["127.0.0.1"]), tokens)
    assert (await ask(asked, *RUNS, **forwarded, client="127.0.0.1")).status_code == 401


async def test_failures_count_by_the_client_that_a_trusted_proxy_names(tokens: Tokens) -> None:
    guard = guarding(inner, access(trusted_proxies=["127.0.0.1"]), tokens)
    for _ in range(MOST):
        await ask(guard, *RUNS, token="x", client="127.0.0.1", x_forwarded_for="203.0.113.9")
    for client, status in (("203.0.113.9", 429), ("203.0.113.8", 401)):
        answer = await ask(
            guard, *RUNS, token="x", client="127.0.0.1", x_forwarded_for=f"1.1.1.1, {client}"
        )
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("address", "server", "open"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("0.0.0.0", {}, False),
        ("10.0.0.1", {}, False),
        ("0.0.0.0", {"open": True}, True),
        ("127.0.0.1", {"open": False}, False),
        ("127.0.0.1", {"trusted_proxies": ["127.0.0.1"]}, False),
    ],
)
def test_when_it_is_open(address: str, server: dict[str, Any], open: bool, tmp_path: Path) -> None:
    protection = Protection.of(Server(**server), address)
    assert protection.open is open
    if open:
        refuse_unguarded(protection, tmp_path)
    else:
        with pytest.raises(CannotServe, match="token create NAME --scope admin"):
            refuse_unguarded(protection, tmp_path)


async def test_what_strangers_fail_at_fills_no_store(
    tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({}, status_code=401)(scope, receive, send)

    guard = guarding(failing, access("0.0.0.0"), tokens)
    for number in range(3 * MOST):
        await ask(guard, "POST", "/signin", client=f"203.0.113.{number}")
    assert len(await tokens.store.audit(AuditPage(limit=100))) == MOST
    for _ in range(MOST + 5):
        await ask(guard, *RUNS, token="trip_wrong")
    assert caplog.text.count("too many wrong tokens come from 203.0.113.9") == 1


async def test_tokens_are_not_tried_out_where_none_is_needed(tokens: Tokens) -> None:
    guard = guarding(inner, access("0.0.0.0"), tokens)
    _, text = await tokens.create("a", ["read"], expires_in=None, by="test")
    assert (await ask(guard, "GET", "/readyz", token=text)).json()["who"] == "a"
    for _ in range(MOST + 1):
        answer = await ask(guard, "GET", "/readyz", token=text[:-2] + "~~")
        assert (answer.status_code, answer.json()["who"]) == (200, "nobody")
    assert (await ask(guard, *RUNS, token=text[:-2] + "~~")).status_code == 429
