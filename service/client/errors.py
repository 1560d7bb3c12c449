"""What goes wrong when the daemon is asked for something.

ClientError        root of the family
├── Unreachable    nobody answered: no daemon there, a lost connection, no answer in time
└── Refused        the daemon's answer is a problem document (RFC 9457)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triphammer.config.errors import TriphammerError

if TYPE_CHECKING:
    from triphammer.service.web.documents import Misfit


class ClientError(TriphammerError):
    """The daemon was asked in vain; the text says what to do."""

    shell = ""
    """What to tell instead of the text where a command was called; empty: the text."""


class Unreachable(ClientError):
    """Nobody answered: no daemon is there, the connection was lost, or it took too long."""

    def __init__(self, text: str, shell: str = "") -> None:
        super().__init__(text)
        self.shell = shell


class Refused(ClientError):
    """The daemon answered with a problem: `status` is that of HTTP, `title` its phrase, `detail`
    says what is wrong and what to do, `errors` tell each part of the request that does not fit."""

    def __init__(self, status: int, title: str, detail: str, errors: Sequence[Misfit] = ()) -> None:
        hint = "; give it as TRIPHAMMER_TOKEN or {}" if status == 401 else ""
        super().__init__(detail + hint.format("token="))
        self.shell = detail + hint.format("--token")
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
