"""What works and what does not: the reasons behind `/readyz`, gathered from every part."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec


class PartHealth(msgspec.Struct, frozen=True):
    """One part's state. `reason` is None while it works. `failures` counts its restarts."""

    name: str
    reason: str | None
    since: int
    failures: int = 0
    essential: bool = False


class Health:
    """Every part reports here; readers get a snapshot. Times are microseconds UTC.

    A part that is not `essential` (one sensor among several) is shown in `/readyz` but does
    not make the daemon unready: one sensor's fault must not take the others out of service.
    `changed` is called with the name of a part that reports something new.
    """

    def __init__(
        self, now: Callable[[], int], changed: Callable[[str], None] = lambda _: None
    ) -> None:
        self._now = now
        self._changed = changed
        self._parts: dict[str, PartHealth] = {}

    def report(self, name: str, reason: str | None, *, essential: bool = False) -> None:
        """Say whether the part works (`reason` None) or why it does not."""
        old = self._parts.get(name)
        if old is not None and old.reason == reason:
            return
        failures = 0 if old is None else old.failures
        self._parts[name] = PartHealth(name, reason, self._now(), failures, essential)
        self._changed(name)

    def failed(self, name: str, reason: str) -> None:
        """Say that the part ended with an error and will be started again."""
        old = self._parts.get(name)
        failures = 1 if old is None else old.failures + 1
        essential = old is not None and old.essential
        self._parts[name] = PartHealth(name, reason, self._now(), failures, essential)
        self._changed(name)

    def forget(self, name: str) -> None:
        """Drop a part that was taken out of service."""
        if self._parts.pop(name, None) is not None:
            self._changed(name)

    def parts(self) -> Mapping[str, PartHealth]:
        """All parts as they stand, by name."""
        return dict(self._parts)

    def tell(self, changed: Callable[[str], None]) -> None:
        """Say who is told of news from now on."""
        self._changed = changed

    def forget_all_but(self, kept: str) -> None:
        """Drop every part except `kept`: the others ended with their session."""
        for name in self._parts.keys() - {kept}:
            self.forget(name)

    @property
    def ready(self) -> bool:
        """Whether every essential part works."""
        return not any(p.essential and p.reason is not None for p in self._parts.values())
