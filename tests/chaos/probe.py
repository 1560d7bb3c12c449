"""Asks the daemon how it is while it is in trouble."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import httpx


class Probe:
    """Asks `/readyz` on a connection of its own, which is there before the trouble begins."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=10)
        self._between = Event()

    def close(self) -> None:
        self._client.close()

    def wait_answered(self) -> None:
        """Return once somebody listens."""
        while True:
            try:
                self._client.get("/livez")
            except httpx.ConnectError:
                self._between.wait(0.02)
            else:
                return

    def reasons(self) -> str:
        """Why the daemon is not ready; empty when it is. `/livez` is 200 in any case."""
        assert self._client.get("/livez").status_code == 200
        answer = self._client.get("/readyz")
        parts: dict[str, Any] = answer.json()["parts"]
        found = [p["reason"] for p in parts.values() if p["essential"] and p["reason"]]
        assert (answer.status_code == 200) == (not found)
        return "; ".join(found)

    def wait_for(self, check: Callable[[str], bool]) -> str:
        """The reasons once `check` is true of them; the test's time limit ends the wait."""
        while not check(reasons := self.reasons()):
            self._between.wait(0.02)
        return reasons
