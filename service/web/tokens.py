"""The doors to the tokens: list, create, revoke."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from triphammer.service.access.audit import about
from triphammer.service.access.scopes import SCOPES, Scope, caller_of
from triphammer.service.access.token import LONGEST_SECONDS, NAME
from triphammer.service.access.tokens import Tokens
from triphammer.service.web import access_models, views
from triphammer.service.web.answer import Answer
from triphammer.service.web.once import NO_STORE
from triphammer.service.web.openapi import Route, problems
from triphammer.service.web.queries import Whole


class TokenBody(BaseModel):
    """What a new token is to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(description="Of the client that will have it.", pattern=f"^{NAME.pattern}$")
    scopes: list[Scope] = Field(min_length=1, max_length=len(SCOPES))
    expires_in: Annotated[int | None, Whole] = Field(
        default=None, ge=1, le=LONGEST_SECONDS, description="Seconds from now; null: never."
    )


def tokens_api(tokens: Tokens) -> APIRouter:
    """The routes of the tokens."""
    router = APIRouter(prefix="/api/v1/tokens", tags=["access"], route_class=Route)

    @router.get("")
    async def list_tokens() -> Answer[access_models.Tokens]:
        """All tokens, revoked ones too, without their texts: nobody has those any more."""
        now = tokens.now()
        items = [views.token(row, now) for row in tokens.rows()]
        return Answer({"items": items, "next": None})

    @router.post("", status_code=201, responses=problems(409))
    async def create_token(body: TokenBody, request: Request) -> Answer[access_models.NewToken]:
        """A new token; its text is in this answer and nowhere else. 409 when one in force has
        the name."""
        about(request.scope, f"{body.name}: {' '.join(body.scopes)}")
        row, text = await tokens.create(
            body.name,
            body.scopes,
            expires_in=body.expires_in,
            by=caller_of(request.scope).name,
        )
        made: access_models.NewToken = {**views.token(row, tokens.now()), "token": text}
        answer = Answer(made, status_code=201)
        answer.headers["Cache-Control"] = NO_STORE  # nobody keeps its text, we neither
        return answer

    @router.post("/{id}/revoke", responses=problems(404))
    async def revoke_token(id: str) -> Answer[access_models.Token]:
        """Let a token, by id or name, open nothing any more; who has signed in with it is
        signed out."""
        return Answer(views.token(await tokens.revoke(id), tokens.now()))

    return router
