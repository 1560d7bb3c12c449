"""`/tokens`: who may do what, for administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from triphammer.config.durations import parse_duration
from triphammer.config.errors import DurationError
from triphammer.sensors.errors import Rejected
from triphammer.service.access.audit import about
from triphammer.service.access.scopes import MEANING, SCOPES, caller_of
from triphammer.service.access.token import LONGEST_SECONDS
from triphammer.service.access.tokens import Tokens
from triphammer.service.errors import StateForbids, UnknownToken
from triphammer.service.web import views
from triphammer.service.web.pages import Pages

HOME = "/tokens"
LIVES: Mapping[str, str] = {
    "1d": "one day",
    "30d": "30 days",
    "90d": "90 days",
    "365d": "a year",
    "": "until it is revoked",
}
"""How long a token may live, of those that the form offers."""


class TokenPages:
    """The tokens, the form that makes one, and the one time that its text is shown."""

    def __init__(self, tokens: Tokens, pages: Pages) -> None:
        self._tokens = tokens
        self._pages = pages

    def routes(self) -> Sequence[Route]:
        """The routes to mount."""
        return [
            Route(HOME, self.list_tokens),
            Route(HOME, self.create_token, methods=["POST"]),
            Route(f"{HOME}/{{id}}/revoke", self.revoke_token, methods=["POST"]),
        ]

    async def list_tokens(self, request: Request) -> Response:
        """All tokens, those in force first, and the form for a new one."""
        return self._page(request, {"life": "90d", "scopes": ["read"]})

    async def create_token(self, request: Request) -> Response:
        """Make a token by the form, and show its text this once."""
        form = await request.form()
        name, life = str(form.get("name", "")).strip(), str(form.get("life", ""))
        scopes = [str(scope) for scope in form.getlist("scope")]
        about(request.scope, f"{name}: {' '.join(scopes)}")
        by = caller_of(request.scope).name
        try:
            row, text = await self._tokens.create(name, scopes, expires_in=_seconds(life), by=by)
        except (Rejected, StateForbids) as error:
            status = error.status if isinstance(error, Rejected) else 409
            filled = {"name": name, "life": life, "scopes": scopes}
            return self._page(request, filled, fault=str(error), status=status)
        made = {**views.token(row, self._tokens.now()), "token": text}
        return self._pages.page("token_made.html", address=HOME, made=made, meaning=MEANING)

    async def revoke_token(self, request: Request) -> Response:
        """Let a token open nothing any more."""
        try:
            await self._tokens.revoke(request.path_params["id"])
        except UnknownToken as error:
            return self._pages.missing(error)
        return RedirectResponse(HOME, status_code=303)

    def _page(
        self, request: Request, filled: Mapping[str, object], *, fault: str = "", status: int = 200
    ) -> Response:
        now = self._tokens.now()
        rows = [views.token(row, now) for row in reversed(self._tokens.rows())]
        return self._pages.page(
            "tokens.html",
            status=status,
            address=HOME if fault else "",
            tokens=sorted(rows, key=lambda row: row["state"] != "in force"),
            own=caller_of(request.scope).token,
            scopes=SCOPES,
            meaning=MEANING,
            lives=LIVES,
            filled={"name": "", **filled},
            fault=fault,
        )


def _seconds(life: str) -> int | None:
    """Raises `Rejected` 422 for what is no length of life."""
    if not life:
        return None
    try:
        seconds = parse_duration(life) // timedelta(seconds=1)
    except DurationError as error:
        raise Rejected(422, f"expires: {error}") from error
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise Rejected(422, f"expires: {life} is no time that a token can live")
    return seconds
