"""`triphammer run`: a flow here and now, without daemon."""

from __future__ import annotations


def register(app: object) -> None:
    pass
