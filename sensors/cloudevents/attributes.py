"""The context attributes of CloudEvents 1.0.2: checked, and made into an event.

Source: CloudEvents 1.0.2, sections "Type System", "Required Attributes",
"Optional Attributes" and "Attribute Naming Convention".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from triphammer.config.showing import shown
from triphammer.sensors.bodies import JSON, Payload
from triphammer.sensors.codec import new_event
from triphammer.sensors.errors import Rejected
from triphammer.sensors.event import Event
from triphammer.sensors.headers import NO_HEADERS, Headers
from triphammer.sensors.times import parse_rfc3339

SPEC_VERSION = "1.0"
REQUIRED = ("specversion", "id", "source", "type")
_KNOWN = frozenset((*REQUIRED, "subject", "time", "datacontenttype", "dataschema"))
_NAME = re.compile(r"[a-z0-9]+", re.ASCII)
_KINDS = {
    bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "an array",
}  # fmt: skip
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Attributes:
    """The attributes of one event as they came, and how the sender spells their names.

    `where` says which event is meant and `spelling` turns an attribute's name into what the
    sender wrote (`ce-source`), so that a refusal names the thing to change.
    """

    def __init__(
        self, values: Mapping[str, Any], *, where: str = "CloudEvent", spelling: str = "{}"
    ) -> None:
        self._values = values
        self._where = where
        self._spelling = spelling

    def refuse(self, reason: str) -> NoReturn:
        """Raise the refusal of this event."""
        raise Rejected(400, f"{self._where}: {reason}")

    def text(self, name: str) -> str | None:
        """A text attribute, None where it is absent; never empty."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(f"attribute {self._named(name)} must be a string, not {_kind(value)}")
        if not value:
            self.refuse(f"attribute {self._named(name)} must not be empty")
        return self._clean(name, value)

    def required(self, name: str) -> str:
        """A text attribute that has to be there."""
        value = self.text(name)
        if value is None:
            self.refuse(f"required attribute {self._named(name)} is missing")
        return value

    def time(self) -> datetime | None:
        """When it occurred, if the event says so."""
        text = self.text("time")
        if text is None:
            return None
        try:
            return parse_rfc3339(text)
        except ValueError as error:
            self.refuse(f"attribute {self._named('time')}: {error}")

    def extensions(self) -> dict[str, Any]:
        """Everything that is no attribute of the core."""
        return {
            name: self._extension(name, value)
            for name, value in self._values.items()
            if name not in _KNOWN and value is not None
        }

    def check_version(self) -> None:
        """Refuse events of another version of the specification."""
        version = self.required("specversion")
        if version != SPEC_VERSION:
            self.refuse(f"specversion is {shown(version)}; only {SPEC_VERSION!r} is understood")

    def _extension(self, name: str, value: Any) -> Any:
        if name == "data" or _NAME.fullmatch(name) is None:
            self.refuse(f"invalid extension name {self._named(name)}: only a-z and 0-9 are allowed")
        if isinstance(value, str):
            return self._clean(name, value)
        if not isinstance(value, int):
            self.refuse(
                f"extension {self._named(name)} must be a string, integer or boolean,"
                f" not {_kind(value)}"
            )
        return value

    def _clean(self, name: str, value: str) -> str:
        if _FORBIDDEN.search(value):
            self.refuse(f"attribute {self._named(name)} contains a control character")
        return value

    def _named(self, name: str) -> str:
        return f'"{self._spelling.format(name[:60])}"'


def build_event(
    attributes: Attributes,
    payload: Payload,
    *,
    now: int,
    content_type: str = JSON,
    headers: Headers = NO_HEADERS,
    extensions: Mapping[str, Any] | None = None,
) -> Event:
    """The event of these attributes and this payload; `extensions` are ours and win.

    Raises `Rejected` 400 that names the attribute at fault.
    """
    attributes.check_version()
    return new_event(
        id=attributes.required("id"),
        source=attributes.required("source"),
        type=attributes.required("type"),
        subject=attributes.text("subject"),
        time=attributes.time(),
        schema=attributes.text("dataschema"),
        extensions={**attributes.extensions(), **(extensions or {})},
        data=payload.data,
        raw=payload.raw,
        content_type=content_type,
        headers=headers,
        now=now,
    )


def _kind(value: object) -> str:
    for kind, name in _KINDS.items():
        if isinstance(value, kind):
            return name
    return "an object"
