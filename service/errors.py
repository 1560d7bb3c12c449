"""The errors of the service.

ServiceError               root of the family
├── StoreError             the store cannot be used
│   ├── SchemaTooNew       the database was written by a newer triphammer
│   └── FolderLocked       another daemon uses the data folder
├── NotFound               something that was asked for does not exist
│   ├── UnknownFlow        no live flow of this name
│   ├── UnknownRun         no run of this id
│   ├── UnknownEvent       no event of this key
│   ├── UnknownMessage     no outgoing message of this id
│   ├── UnknownKey         the flow's state has no such key
│   ├── UnknownDeadLetter  no dead letter of this id
│   ├── UnknownSensor      no live flow needs a sensor of this id
│   ├── UnknownBackfill    no backfill of this id
│   ├── UnknownToken       no token of this name or id is in force
│   └── VersionGone        a flow version that can no longer be loaded
├── StateForbids           the object's state does not allow this
├── Changed                it is not (any more) what the request expects it to be
├── Denied                 the caller may not do this, or did not say who they are
└── CannotServe            the daemon cannot start: port in use, no flows folder, ...
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from triphammer.config.errors import TriphammerError
from triphammer.service.access.scopes import Caller


class ServiceError(TriphammerError):
    """Root of the errors of the service."""


class StoreError(ServiceError):
    """The store cannot be used."""


class SchemaTooNew(StoreError):
    """The database was written by a newer triphammer; it is left untouched."""


class FolderLocked(StoreError):
    """Another daemon uses the data folder."""


class NotFound(ServiceError, LookupError):
    """Something that was asked for does not exist."""


class UnknownFlow(NotFound):
    """No live flow has this name; the message names one that is close."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
        super().__init__(f"no flow is named {name!r}; {hint}")


class UnknownRun(NotFound):
    """No run has this id."""

    def __init__(self, run: str) -> None:
        super().__init__(f"there is no run {run!r}; `triphammer runs` lists them")


class UnknownEvent(NotFound):
    """No event has this key."""

    def __init__(self, event: str) -> None:
        super().__init__(f"there is no event {event!r}; `triphammer events` lists them")


class UnknownMessage(NotFound):
    """No outgoing message has this id."""

    def __init__(self, message: str) -> None:
        super().__init__(f"there is no message {message!r}; `triphammer show RUN` lists a run's")


class UnknownKey(NotFound):
    """The state of a flow has no such key; the message names one that is close."""

    def __init__(self, flow: str, key: str, known: Iterable[str]) -> None:
        keys = sorted(known)
        near = get_close_matches(key, keys, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(keys) or 'nothing'}"
        super().__init__(f"the state of {flow} has no key {key!r}; {hint}")


class UnknownDeadLetter(NotFound):
    """Nothing dead has one of these ids."""

    def __init__(self, ids: Iterable[str]) -> None:
        named = ", ".join(ids)
        super().__init__(f"no dead letter {named}; `triphammer deadletters` lists them")


class UnknownSensor(NotFound):
    """No live flow needs such a sensor."""

    def __init__(self, id: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(id, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
        super().__init__(f"no flow has a sensor {id!r}; {hint}")


class UnknownBackfill(NotFound):
    """No backfill has this id."""

    def __init__(self, backfill: str) -> None:
        super().__init__(f"there is no backfill {backfill!r}; `triphammer backfills` lists them")


class VersionGone(NotFound):
    """A flow version that can no longer be loaded."""

    def __init__(self, flow: str, version: str, reason: str) -> None:
        super().__init__(f"version {version} of flow {flow} cannot be loaded: {reason}")


class UnknownToken(NotFound):
    """No token of this name or id is in force."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no token {name!r} is in force; `triphammer token list` lists them")


class StateForbids(ServiceError):
    """The object's state does not allow what was asked."""


class Changed(ServiceError):
    """The object is not (any more) what the request expects it to be: read it again."""


class Denied(ServiceError):
    """The caller may not do this (403), did not say who they are (401), or has failed to say it
    too often (429)."""

    def __init__(
        self,
        status: int,
        reason: str,
        headers: Mapping[str, str],
        *,
        caller: Caller | None = None,
    ) -> None:
        """`caller` is who they are where that is known and shall be written down."""
        super().__init__(reason)
        self.status = status
        self.headers = headers
        self.caller = caller


class CannotServe(ServiceError):
    """The daemon cannot start; the message says why and what to do."""
