"""Where the expressions of one run find their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from triphammer.config.secrets import Secrets
from triphammer.flows.codec import decode
from triphammer.flows.journal import Artifacts, Encoded
from triphammer.flows.outcomes import Failed, Ok


class MapResult:
    """The results of a map's items, decoded afresh for each consumer, in input order."""

    __slots__ = ("errors", "items")

    def __init__(self, items: list[Encoded | Failed | None], errors: str) -> None:
        self.items = items
        self.errors = errors

    def decoded(self, decode_one: Callable[[Encoded], Any]) -> list[Any]:
        """The list that a dependent gets; with `collect` each item is `Ok` or `Failed`."""
        if self.errors == "collect":
            return [
                item if isinstance(item, Failed) else Ok(decode_one(item))
                for item in self.items
                if item is not None
            ]
        return [decode_one(item) for item in self.items if isinstance(item, Encoded)]


Stored = Encoded | MapResult | None


class RunScope:
    """A snapshot: results that were committed when it was taken, the event, the parameters.

    Used in executor threads; decodes for every consumer anew, so that none can change what
    another gets.
    """

    __slots__ = ("_artifacts", "_hints", "_params", "_results", "_secrets", "event")

    def __init__(
        self,
        *,
        event: Any,
        params: Mapping[str, Any],
        results: Mapping[str, Stored],
        hints: Mapping[str, Any],
        artifacts: Artifacts,
        secrets: Secrets,
    ) -> None:
        self.event = event
        self._params = params
        self._results = results
        self._hints = hints
        self._artifacts = artifacts
        self._secrets = secrets

    def result(self, node: str) -> Any:
        """A node's result; None where there is none (skipped, failed)."""
        stored = self._results.get(node)
        if stored is None:
            return None
        annotation = self._hints.get(node, Any)
        if isinstance(stored, MapResult):
            return stored.decoded(lambda item: decode(item, annotation, self._artifacts))
        return decode(stored, annotation, self._artifacts)

    def param(self, name: str) -> Any:
        """A parameter of the run."""
        return self._params[name]

    def secret(self, name: str) -> str:
        """A secret's value."""
        return self._secrets.value(name)

    def connection(self, name: str) -> Any:
        """A connection's fields."""
        return self._secrets.connection(name)
