"""`notify=`: who is told when a flow fails, is late, and works again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NoReturn, get_args

import msgspec

from triphammer.config.addresses import is_address
from triphammer.config.secrets import REFERENCE
from triphammer.flows.credentials import SecretRef
from triphammer.flows.errors import GraphError
from triphammer.flows.kinds import is_array
from triphammer.flows.places import Place, user_place

Incident = Literal["failed", "late", "recovered"]
INCIDENTS: tuple[Incident, ...] = get_args(Incident)


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell, of what. `targets` are URLs, `secret:NAME` for one that a secret holds, or
    addresses; each gets a message of its own. `secret` is the name of what signs a webhook.

    `repeat`: each failed run is told of, not only the first until one succeeds.
    """

    kind: Literal["slack", "webhook", "email"]
    targets: tuple[str, ...]
    on: tuple[Incident, ...] = INCIDENTS
    repeat: bool = False
    connection: str = "smtp"
    secret: str | None = None

    def __str__(self) -> str:
        whom = ", ".join(self.targets)
        return f"{self.kind} {whom}" if self.on == INCIDENTS else f"{self.kind} {whom} {self.on}"

    def secret_names(self) -> Iterator[str]:
        """The secrets that it refers to."""
        yield from () if self.secret is None else (self.secret,)
        for target in self.targets:
            if target.startswith(REFERENCE):
                yield target.removeprefix(REFERENCE)


On = Incident | Sequence[Incident]


def to_slack(url: Any, *, on: On = INCIDENTS, repeat: bool = False) -> Channel:
    """Tell a Slack channel (or whatever takes Slack's format) by its incoming webhook.

    `url` is `secret("NAME")`, as a rule, or a text. Of a flow that fails again and again only
    the first failed run is told of, and then the first success; with `repeat` each failed run.
    `on` says of what: "failed", "late", "recovered". Raises `GraphError`.
    """
    place = user_place()
    targets = (_url(url, "to_slack", place),)
    return Channel(kind="slack", targets=targets, on=_on(on, place), repeat=repeat)


def to_webhook(
    url: Any, *, secret: Any = None, on: On = INCIDENTS, repeat: bool = False
) -> Channel:
    """POST what happened as JSON to `url`, a text or `secret("NAME")`.

    `secret=secret("NAME")` signs it (Standard Webhooks). `on` and `repeat` as in `to_slack`.
    Raises `GraphError`.
    """
    place = user_place()
    targets = (_url(url, "to_webhook", place),)
    if not isinstance(secret, (SecretRef, type(None))):
        _refuse('to_webhook(secret=...) names a secret: write secret=secret("NAME")', place)
    name = None if secret is None else secret.name
    return Channel(kind="webhook", targets=targets, on=_on(on, place), repeat=repeat, secret=name)


def to_email(
    *addresses: str, connection: str = "smtp", on: On = INCIDENTS, repeat: bool = False
) -> Channel:
    """Mail `addresses` by the server of `[connections.NAME]`.

    `on` and `repeat` as in `to_slack`. Raises `GraphError`.
    """
    place = user_place()
    if not addresses:
        _refuse("to_email() got no address", place)
    for address in addresses:
        if not is_address(address):
            _refuse(f"to_email() got {address!r}: no address such as ops@example.com", place)
    return Channel(
        kind="email",
        targets=addresses,
        on=_on(on, place),
        repeat=repeat,
        connection=connection,
    )


def channels_of(given: Any, place: Place) -> tuple[Channel, ...] | None:
    """What `notify=` says; None: the settings do. Raises `GraphError`."""
    if given is None:
        return None
    channels: tuple[Any, ...] = tuple(given) if is_array(given) else (given,)
    for channel in channels:
        if not isinstance(channel, Channel):
            _refuse(
                f"notify= takes to_slack(...), to_email(...) and to_webhook(...), not {channel!r}",
                place,
            )
    return channels


def _url(url: Any, name: str, place: Place) -> str:
    if isinstance(url, SecretRef):
        return REFERENCE + url.name
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        _refuse(f"{name}() got the URL {url!r}: it must begin with http:// or https://", place)
    return url


def _on(given: Any, place: Place) -> tuple[Incident, ...]:
    names: tuple[Any, ...] = tuple(given) if is_array(given) else (given,)
    for name in names:
        if name not in INCIDENTS:
            known = ", ".join(map(repr, INCIDENTS))
            _refuse(f"on={given!r}: {name!r} is none of {known}", place)
    return names


def _refuse(message: str, place: Place) -> NoReturn:
    raise GraphError(message, place.file, place.line)
