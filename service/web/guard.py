"""Stands before everything that is served: who sent a request, and may they do that?"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triphammer.sensors.headers import Headers
from triphammer.service.access.audit import Audit
from triphammer.service.access.loopback import host_name, is_rebindable
from triphammer.service.access.origin import is_foreign, is_ours
from triphammer.service.access.proxies import Peer
from triphammer.service.access.routes import EVENTS, HOOKS, RULES, SAFE, STREAM
from triphammer.service.access.scopes import LOCAL, MEANING, NOBODY, Caller, Need, admitted
from triphammer.service.access.standing import Access
from triphammer.service.access.tokens import Tokens
from triphammer.service.errors import Denied
from triphammer.service.web.faults import wants_page
from triphammer.service.web.problems import problem_of
from triphammer.service.web.seen import seen_of
from triphammer.service.web.signin import ask_to_sign_in, cookie_of

REALM = 'Bearer realm="triphammer"'
HOW = "send the header `Authorization: Bearer TOKEN`; `triphammer token create` makes one"
BEARER = "bearer "


class Guard:
    """Lets a request through to `inner` with its caller, or answers 401, 403 or 429."""

    def __init__(self, inner: ASGIApp, access: Access, tokens: Tokens, audit: Audit) -> None:
        self._inner = inner
        self._audit = audit
        self._access = access
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        headers = Headers.of_asgi(scope["headers"])
        peer = self._access.proxies.peer(scope, headers)
        seen = seen_of(scope)
        seen.client = peer.address
        try:
            caller = self._caller(scope, headers, peer)
        except Denied as denied:
            if denied.caller is not None:
                seen.who = denied.caller.name
                await self._audit.note(scope, denied.caller, peer.address, denied.status)
            reads = scope["method"] in SAFE and wants_page(scope, headers)
            unknown = denied.status == 401 and reads
            answer = ask_to_sign_in(scope) if unknown else problem_of(denied)
            await answer(scope, receive, send)
            return
        seen.who = caller.name
        let_in = admitted(scope, caller)
        if scope["path"] == STREAM and caller.token is not None:
            send = self._while_in_force(caller.token, send)
        if self._is_watched(scope):
            send = self._audit.watched(let_in, peer.address, send)
        await self._inner(let_in, receive, send)

    def _while_in_force(self, token: str, send: Send) -> Send:
        """`send` for an answer without an end: it ends when the token does."""
        ended = False

        async def sending(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.body" and self._tokens.row(token) is None:
                ended, message = True, {"type": "http.response.body", "body": b""}
            await send(message)

        return sending

    def _is_watched(self, scope: Scope) -> bool:
        """Events tell of themselves, and come by the thousand."""
        path: str = scope["path"]
        return scope["method"] not in SAFE and path != EVENTS and not path.startswith(HOOKS)

    def _caller(self, scope: Scope, headers: Headers, peer: Peer) -> Caller:
        need = RULES.need(scope["method"], scope["path"])
        text = _bearer(headers)
        if self._access.protection.open:
            self._check_open(scope, headers, peer, need)
            return self._named(text) or LOCAL
        if scope["path"].startswith(HOOKS):
            return NOBODY  # what webhooks say in their headers is for their flow to judge
        if need == "public":
            return self._perhaps(scope, headers, peer) or NOBODY
        caller = self._signed_in(scope, headers, peer) if text is None else None
        caller = caller or self._proven(text, need, peer)
        if not caller.may(need):
            raise Denied(
                403,
                f"token {caller.name!r} lacks the scope `{need}` ({MEANING[need]}); it has: "
                f"{', '.join(sorted(caller.scopes))}",
                {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{need}"'},
                caller=caller if scope["method"] not in SAFE else None,
            )
        return caller

    def _check_open(self, scope: Scope, headers: Headers, peer: Peer, need: Need) -> None:
        """Nobody is asked who they are: no page of somebody else's may come in by that."""
        if scope["method"] not in SAFE and is_foreign(headers, peer.host):
            raise Denied(403, "this request was sent by a page of another site", {})
        if need == "public":
            return
        if peer.forwarded and self._access.protection.by_address:
            raise Denied(
                403,
                "a proxy has passed this request on, and this daemon is open to its own machine "
                "only: name the proxy in [server] trusted_proxies and make tokens, or set "
                "[server] open = true",
                {},
            )
        host = peer.host
        if host is not None and is_rebindable(host) and host_name(host) not in self._access.hosts:
            raise Denied(
                403,
                "an open daemon is not called by a name that anybody could register: use its "
                "address or localhost, or add the name to [server] hosts",
                {},
            )

    def _named(self, text: str | None) -> Caller | None:
        row = None if text is None else self._tokens.find(text)
        return None if row is None else self._tokens.caller(row)

    def _perhaps(self, scope: Scope, headers: Headers, peer: Peer) -> Caller | None:
        """Who says who they are where nobody need to; trying out tokens is no easier here."""
        text = _bearer(headers)
        try:
            if text is not None:
                return self._proven(text, "public", peer)
            return self._signed_in(scope, headers, peer) if scope["method"] in SAFE else None
        except Denied:
            return None

    def _signed_in(self, scope: Scope, headers: Headers, peer: Peer) -> Caller | None:
        """Whoever has a session. Browsers send its cookie with whatever a page makes them send,
        so that what changes something must come from a page of ours, and say so: all browsers
        of today do."""
        id = cookie_of(scope, peer).read(headers)
        session = None if id is None else self._access.sessions.find(id, self._access.now())
        row = None if session is None else self._tokens.row(session.token)
        if row is None:
            return None
        if scope["method"] not in SAFE and not is_ours(headers, peer.host):
            raise Denied(403, "this request was not sent by a page of this console", {})
        return self._tokens.caller(row)

    def _proven(self, text: str | None, need: Need, peer: Peer) -> Caller:
        if text is None:
            challenge = {"WWW-Authenticate": f'{REALM}, scope="{need}"'}
            raise Denied(401, f"a token with the scope `{need}` is needed: {HOW}", challenge)
        key = self._tokens.failure_key(text, peer.address)
        wait = self._access.throttle.wait(key, self._access.now())
        if wait:
            retry = {"Retry-After": str(max(1, round(wait)))}
            raise Denied(429, "too many wrong tokens came from your address", retry)
        caller = self._named(text)
        if caller is None:
            self._access.failed(key, peer.address)
            challenge = {"WWW-Authenticate": f'{REALM}, error="invalid_token", scope="{need}"'}
            raise Denied(401, f"this token is unknown, expired or revoked: {HOW}", challenge)
        return caller


def _bearer(headers: Headers) -> str | None:
    """The token that was sent; of what is no token of ours the whole."""
    text = headers.get("authorization")
    if text is None:
        return None
    return text[len(BEARER) :].strip() if text.lower().startswith(BEARER) else text
