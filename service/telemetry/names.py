"""Label values that stay few: every other name is told as `other`."""

from __future__ import annotations

OTHER = "other"
MOST = 100


class Names:
    """The first `most` names that came; a time series is never taken away again, so that the
    names of what is loaded today must not push out others for ever, nor be without number."""

    __slots__ = ("_known", "_most")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The name as a label."""
        known = self._known.get(name)
        if known is not None:
            return known
        told = name if len(self._known) < self._most else OTHER
        if told == name:
            self._known[name] = name
        return told
