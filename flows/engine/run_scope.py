"""Where the expressions of one run find their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triphammer.config.secrets import Secrets
from triphammer.flows.codec import decode
from triphammer.flows.engine.plan import Plan
from triphammer.flows.journal import Artifacts, Encoded
from triphammer.flows.outcomes import Ended, Failed, Ok


class MapResult:
    """The results of a map's items, decoded afresh for each consumer, in input order."""

    __slots__ = ("_errors", "_items")

    def __init__(self, items: Sequence[Encoded | Failed | None], errors: str) -> None:
        self._items = items
        self._errors = errors

    @property
    def items(self) -> Sequence[Encoded | Failed | None]:
        """The outcomes as they are stored."""
        return self._items

    def decoded(self, decode_one: Callable[[Encoded], Any]) -> list[Any]:
        """The list that a dependent gets: with `collect` each item is `Ok` or `Failed`, with
        `skip` those that failed are left out."""
        if self._errors == "collect":
            return [
                item if isinstance(item, Failed) else Ok(decode_one(item))
                for item in self._items
                if item is not None
            ]
        return [decode_one(item) for item in self._items if isinstance(item, Encoded)]


Stored = Encoded | MapResult | None


class RunScope:
    """The event, the parameters and the results so far.

    Read in executor threads while the service loop adds results; decodes for every consumer
    anew, so that none can change what another gets.
    """

    __slots__ = ("_params", "_plan", "artifacts", "ends", "event", "results", "secrets")

    def __init__(
        self,
        plan: Plan,
        *,
        event: Any,
        params: Mapping[str, Any],
        artifacts: Artifacts,
        secrets: Secrets,
    ) -> None:
        self.event = event
        self.artifacts = artifacts
        self.secrets = secrets
        self.results: dict[str, Stored] = {}
        self.ends: dict[str, Ended] = {}
        self._params = params
        self._plan = plan

    def result(self, node: str) -> Any:
        """A node's result; None where there is none (skipped, failed, not ended yet)."""
        stored = self.results.get(node)
        if stored is None:
            return None
        annotation = self._plan.nodes[node].returned
        if isinstance(stored, MapResult):
            return stored.decoded(lambda item: decode(item, annotation, self.artifacts))
        return decode(stored, annotation, self.artifacts)

    def ended(self, node: str) -> Ended | None:
        """How a node has ended; None if it has not."""
        return self.ends.get(node)

    def param(self, name: str) -> Any:
        """A parameter of the run."""
        return self._params[name]

    def secret(self, name: str) -> str:
        """A secret's value."""
        return self.secrets.value(name)

    def connection(self, name: str) -> Any:
        """A connection's fields."""
        return self.secrets.connection(name)
