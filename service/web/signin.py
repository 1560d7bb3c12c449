"""Signing in at the console with a token, and out."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from triphammer.sensors.headers import Headers
from triphammer.service.access.loopback import is_local_path
from triphammer.service.access.origin import is_foreign
from triphammer.service.access.proxies import Peer
from triphammer.service.access.scopes import became
from triphammer.service.access.sessions import Cookie
from triphammer.service.access.standing import Access
from triphammer.service.access.tokens import Tokens
from triphammer.service.errors import Denied
from triphammer.service.web.pages import Pages

PATH = "/signin"
LONGEST = 200
"""Characters of what may be a token."""


class SignIn:
    """The routes `/signin` and `/signout`."""

    def __init__(self, access: Access, tokens: Tokens, pages: Pages) -> None:
        self._access = access
        self._tokens = tokens
        self._pages = pages

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route(PATH, self.form),
            Route(PATH, self.sign_in, methods=["POST"]),
            Route("/signout", self.sign_out, methods=["POST"]),
        ]

    async def form(self, request: Request) -> Response:
        """Where the token is asked for."""
        return self._form(request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        """Begin a session, under an id of its own, and go where the reader wanted to go."""
        peer, cookie = self._peer(request)
        form = await request.form()
        text, next = str(form.get("token", "")).strip()[:LONGEST], str(form.get("next", ""))
        key = self._tokens.failure_key(text, peer.address)
        wait = self._access.throttle.wait(key, self._access.now())
        if wait:
            return self._form(
                next,
                fault="Too many wrong tokens came from your address: try again in "
                f"{max(1, round(wait))} s.",
                status=429,
                headers={"Retry-After": str(max(1, round(wait)))},
            )
        row = self._tokens.find(text)
        if row is None:
            self._access.failed(key, peer.address)
            return self._form(next, fault="This token is unknown, expired or revoked.", status=401)
        caller = self._tokens.caller(row)
        if not caller.may("read"):
            return self._form(next, fault="This token lacks the scope read.", status=403)
        became(request.scope, caller)
        self._end(request, cookie)
        id = self._access.sessions.begin(row.id, self._access.now())
        made = cookie.made(id, self._access.sessions.lifetime)
        return RedirectResponse(_inside(next), 303, headers={"Set-Cookie": made})

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        _, cookie = self._peer(request)
        brought = cookie.read(Headers.of_asgi(request.scope["headers"]))
        session = self._access.sessions.find(brought, self._access.now()) if brought else None
        row = None if session is None else self._tokens.row(session.token)
        if row is not None:
            became(request.scope, self._tokens.caller(row))
        self._end(request, cookie)
        return RedirectResponse(PATH, 303, headers={"Set-Cookie": cookie.gone()})

    def _peer(self, request: Request) -> tuple[Peer, Cookie]:
        """Who asks. Raises `Denied` for a form on another site's page: it would sign the reader
        in as somebody else, or out."""
        headers = Headers.of_asgi(request.scope["headers"])
        peer = self._access.proxies.peer(request.scope, headers)
        if is_foreign(headers, peer.host):
            raise Denied(403, "this form was sent by a page of another site", {})
        return peer, cookie_of(request.scope, peer)

    def _end(self, request: Request, cookie: Cookie) -> None:
        brought = cookie.read(Headers.of_asgi(request.scope["headers"]))
        if brought:
            self._access.sessions.end(brought)

    def _form(
        self,
        next: str,
        *,
        fault: str = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        values = {"next": _inside(next), "fault": fault}
        return self._pages.page("signin.html", status=status, headers=headers or {}, **values)


def cookie_of(scope: Scope, peer: Peer) -> Cookie:
    """The cookie of a request's client."""
    port = (scope.get("server") or ("", 0))[1] or 0
    return Cookie(port, secure=peer.secure)


def ask_to_sign_in(scope: Scope) -> Response:
    """The answer to a reader's browser that has no session."""
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
    to = PATH if wanted == "/" else f"{PATH}?next={quote(wanted, safe='/')}"
    return RedirectResponse(to, 303)


def _inside(next: str) -> str:
    """`next` if it is a place here; the first page for everything else."""
    return next if is_local_path(next) else "/"
