"""Writes down who did what, before they are told that it is done."""

from __future__ import annotations

import logging

from starlette.types import Message, Scope, Send

from triphammer.config.clock import Clock
from triphammer.config.showing import short
from triphammer.sensors.errors import StoreUnavailable
from triphammer.service.access.scopes import NOBODY, Caller, caller_of
from triphammer.service.access.throttle import Throttle
from triphammer.service.store.access import Did
from triphammer.service.store.contract import Store

LONGEST = 300
"""Characters of a target: clients choose how long it is."""
UNTOLD = frozenset({404, 405, 429})
"""Answers to requests that did nothing, and that anybody can send as often as they like."""
REPLAYED = (b"idempotency-replayed", b"true")
"""Header of an answer that was given before: nothing was done for this one."""
_ABOUT = "triphammer.about"

log = logging.getLogger("triphammer.audit")


def about(scope: Scope, target: str) -> None:
    """Say what a request is about, where its path does not."""
    scope[_ABOUT] = target


class Audit:
    """The audit log of one open store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._strangers = Throttle()

    def watched(self, scope: Scope, address: str, send: Send) -> Send:
        """`send` for a request that may change something: its answer begins once it is written
        down what it did."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_told(message):
                await self.note(scope, caller_of(scope), address, message["status"])
            await send(message)

        return noting

    async def note(self, scope: Scope, caller: Caller, address: str, status: int) -> None:
        """Write down what `caller` did. If the store is away that is logged instead: it has
        been done already. What strangers fail at is left out where it comes too fast, so that
        they cannot fill the store."""
        if caller is NOBODY and self._is_too_much():
            return
        did = Did(
            at=self._clock.now(),
            who=caller.name,
            token=caller.token,
            address=address,
            action=_action(scope),
            target=short(_target(scope), LONGEST),
            status=status,
        )
        try:
            (outcome,) = await self._store.commit([did])
        except StoreUnavailable as error:
            outcome = error
        if isinstance(outcome, Exception):
            log.error("%s by %s is not in the audit log: %s", did.action, did.who, outcome)

    def _is_too_much(self) -> bool:
        now = self._clock.now() / 1e6
        if self._strangers.wait("", now):
            return True
        self._strangers.failed("", now)
        return False


def _is_told(head: Message) -> bool:
    return head["status"] not in UNTOLD and REPLAYED not in head["headers"]


def _action(scope: Scope) -> str:
    """The name of what handled the request; of one that was not let in what it asked for."""
    endpoint = scope.get("endpoint")
    name: str | None = getattr(endpoint, "__name__", None)
    return name or f"{scope['method']} {short(scope['path'], LONGEST)}"


def _target(scope: Scope) -> str:
    told: str | None = scope.get(_ABOUT)
    if told is not None:
        return told
    return " ".join(str(value) for value in scope.get("path_params", {}).values())
