"""The turns of a loop: what each is given, and whether another follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triphammer.flows.engine.plan import PlannedNode
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Launch
from triphammer.flows.errors import LoopExhausted
from triphammer.flows.graph import Loop
from triphammer.flows.journal import Encoded, TaskRow


class Turns:
    """How far a loop is. `turn` is the number of the turn under way, `last` the result of the
    one before it, `given` the arguments of this one."""

    __slots__ = ("given", "last", "loop", "name", "planned", "scope", "started_at", "turn")

    def __init__(
        self,
        planned: PlannedNode,
        loop: Loop,
        first: tuple[Any, ...],
        started_at: int,
        name: str,
        scope: RunScope,
    ) -> None:
        self.planned = planned
        self.loop = loop
        self.given = first
        self.started_at = started_at
        self.name = name
        self.scope = scope
        self.turn = 0
        self.last: Encoded | None = None

    def launch(self, attempt: int) -> Launch:
        """The attempt of this turn."""
        name = f"{self.name}[{self.turn}]"
        return Launch(self.planned, name, attempt, self.turn, self.given, self.scope)

    def recall(self, rows: Mapping[str, TaskRow]) -> None:
        """Take over the turns that had succeeded before a restart."""
        while (row := rows.get(f"{self.name}[{self.turn}]")) is not None:
            if row.state != "succeeded":
                return
            self.last = row.result
            self.turn += 1

    def succeed(self, value: Encoded | None) -> None:
        """The turn under way has succeeded."""
        self.last = value
        self.turn += 1

    def over(self) -> bool:
        """Whether the last turn was the last of all; if not, the next one is made ready.

        Raises `LoopExhausted`, and whatever the condition or the value raises.
        """
        if self.turn == 0:
            return False
        loop, last = self.loop, self._last()
        if loop.until is not None and self._holds(last):
            return True
        if loop.most is not None and self.turn >= loop.most:
            if loop.on_max == "last":
                return True
            raise LoopExhausted(f"until= did not hold after max={loop.most} turns")
        self.given = (last,) if loop.takes else ()
        return False

    def _holds(self, last: Any) -> bool:
        until = self.loop.until
        assert until is not None
        scope = self.scope.inner(self.scope.plan, self.planned.name, (last,))
        return bool(until.evaluate(scope))

    def _last(self) -> Any:
        if self.last is None:
            return None
        return self.scope.decoded(self.last, self.planned.returned)
