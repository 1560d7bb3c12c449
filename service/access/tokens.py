"""The tokens of one open store, and which of them a text is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from triphammer.config.clock import Clock
from triphammer.config.showing import shown
from triphammer.sensors.errors import Rejected
from triphammer.service.access.scopes import SCOPES, Caller, granted
from triphammer.service.access.throttle import neighbourhood
from triphammer.service.access.token import (
    NAME,
    RESERVED,
    digest_of,
    id_of,
    is_same,
    new_token,
)
from triphammer.service.errors import StateForbids, UnknownToken
from triphammer.service.store.access import AddToken, RevokeToken, TokenRow, TokensUsed
from triphammer.service.store.contract import Store

MINUTE = 60_000_000
"""So exactly it is known when a token was used last: not every request writes."""


class Tokens:
    """All tokens, held in memory: only their daemon changes them while it runs."""

    def __init__(self, store: Store, clock: Clock, rows: Sequence[TokenRow]) -> None:
        self.store = store
        self._clock = clock
        self._by_id = {row.id: row for row in rows}

    @classmethod
    async def load(cls, store: Store, clock: Clock) -> Tokens:
        """Those of `store`."""
        return cls(store, clock, await store.tokens())

    def now(self) -> int:
        """The time that tokens expire by."""
        return self._clock.now()

    def rows(self) -> Sequence[TokenRow]:
        """All of them, the oldest first."""
        return list(self._by_id.values())

    def row(self, id: str) -> TokenRow | None:
        """The token of this id if it is in force."""
        row = self._by_id.get(id)
        return row if row is not None and row.in_force(self._clock.now()) else None

    def find(self, text: str) -> TokenRow | None:
        """The token in force whose text this is."""
        row = self.row(id_of(text) or "")
        return row if row is not None and is_same(row.digest, text) else None

    def failure_key(self, text: str, address: str) -> str:
        """What failures count by: the address, and the token where there is one of that id. So
        one client's old token keeps no other one of the same address out."""
        row = self.row(id_of(text) or "")
        return f"{neighbourhood(address)} {'' if row is None else row.id}"

    def caller(self, row: TokenRow) -> Caller:
        """Who shows the token; notes that it was used."""
        now = self._clock.now()
        if row.used_at is None or now - row.used_at >= MINUTE:
            self._by_id[row.id] = msgspec.structs.replace(row, used_at=now)
            self.store.post([TokensUsed({row.id: now})], lambda _: None)
        return Caller(name=row.name, scopes=granted(row.scopes), token=row.id)

    async def create(
        self, name: str, scopes: Sequence[str], *, expires_in: int | None, by: str
    ) -> tuple[TokenRow, str]:
        """A new token and its text, which is told this once; it lives `expires_in` seconds.

        Raises `Rejected` 422 for what no token can have, `StateForbids` when one in force has
        the name.
        """
        _check(name, scopes)
        now = self._clock.now()
        id, text = new_token()
        unit = AddToken(
            id=id,
            name=name,
            digest=digest_of(text),
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            created_at=now,
            created_by=by,
            expires_at=None if expires_in is None else now + expires_in * 1_000_000,
        )
        if not await self._commit(unit):
            raise StateForbids(
                f"there is a token {name!r} already: revoke it first, or choose another name"
            )
        return self._by_id[id], text

    async def revoke(self, name: str) -> TokenRow:
        """Let the token of this name or id open nothing any more. Raises `UnknownToken`."""
        now = self._clock.now()
        standing = [row for row in self.rows() if row.revoked_at is None]
        found = next((row for row in standing if name in (row.id, row.name)), None)
        if found is None or not await self._commit(RevokeToken(id=found.id, at=now)):
            raise UnknownToken(name)
        return self._by_id[found.id]

    async def _commit(self, unit: AddToken | RevokeToken) -> bool:
        (outcome,) = await self.store.commit([unit])
        if isinstance(outcome, Exception):
            raise outcome
        self._by_id = {row.id: row for row in await self.store.tokens()}
        return bool(outcome)


def _check(name: str, scopes: Sequence[str]) -> None:
    if not NAME.fullmatch(name) or name in RESERVED:
        raise Rejected(
            422,
            f"{shown(name)} is no name for a token: letters, digits, - _ and . (64 at most), "
            f"and not {' or '.join(sorted(RESERVED))}",
        )
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        wrong = f"{shown(unknown[0])} is no scope" if unknown else "a token needs a scope"
        raise Rejected(422, f"{wrong}: there are {', '.join(SCOPES)}")
