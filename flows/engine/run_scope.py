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
NOTHING = Encoded("json", b"null")


class RunScope:
    """The event, the parameters and the results so far.

    Read in executor threads while the service loop adds results; decodes for every consumer
    anew, so that none can change what another gets. The scope of a body (`inner`) also finds
    what there is around it, since names are never the same.
    """

    __slots__ = (
        "_outer",
        "_params",
        "artifacts",
        "ends",
        "event",
        "plan",
        "results",
        "secrets",
        "turns",
    )

    def __init__(
        self,
        plan: Plan,
        *,
        event: Any,
        params: Mapping[str, Any],
        artifacts: Artifacts,
        secrets: Secrets,
        outer: RunScope | None = None,
    ) -> None:
        self.event = event
        self.artifacts = artifacts
        self.secrets = secrets
        self.results: dict[str, Stored] = {}
        self.ends: dict[str, Ended] = {}
        self.turns: dict[str, tuple[Any, ...]] = {}
        self._params = params
        self.plan = plan
        self._outer = outer

    def inner(self, plan: Plan, owner: str, given: tuple[Any, ...]) -> RunScope:
        """The scope of one item or turn of the node `owner`, whose body is `plan`."""
        scope = RunScope(
            plan,
            event=self.event,
            params=self._params,
            artifacts=self.artifacts,
            secrets=self.secrets,
            outer=self,
        )
        scope.turns[owner] = given
        return scope

    def stored(self, node: str) -> Stored:
        """A node's result as it is stored."""
        found = self.results.get(node)
        return self._outer.stored(node) if found is None and self._outer is not None else found

    def result(self, node: str) -> Any:
        """A node's result; None where there is none (skipped, failed, not ended yet)."""
        stored = self.results.get(node)
        if stored is None:
            return None if self._outer is None else self._outer.result(node)
        annotation = self.plan.every[node].returned
        if isinstance(stored, MapResult):
            return stored.decoded(lambda item: self.decoded(item, annotation))
        return self.decoded(stored, annotation)

    def decoded(self, stored: Encoded, annotation: Any) -> Any:
        """A stored value; a body may give nothing, whatever it is annotated with."""
        if stored == NOTHING:
            return None
        return decode(stored, annotation, self.artifacts)

    def ended(self, node: str) -> Ended | None:
        """How a node has ended; None if it has not."""
        found = self.ends.get(node)
        return self._outer.ended(node) if found is None and self._outer is not None else found

    def turn(self, node: str) -> tuple[Any, ...]:
        """What this item or turn of a node was given. Raises LookupError outside of its body."""
        found = self.turns.get(node)
        if found is not None:
            return found
        if self._outer is None:
            raise LookupError(f"there is no item or turn of {node!r} here")
        return self._outer.turn(node)

    def all_turns(self) -> Mapping[str, tuple[Any, ...]]:
        """What the items and turns that this scope is inside of were given."""
        return self.turns if self._outer is None else {**self._outer.all_turns(), **self.turns}

    def param(self, name: str) -> Any:
        """A parameter of the run."""
        return self._params[name]

    def secret(self, name: str) -> str:
        """A secret's value."""
        return self.secrets.value(name)

    def connection(self, name: str) -> Any:
        """A connection's fields."""
        return self.secrets.connection(name)
