"""A compiled pattern: tests that are asked in order, the cheap ones first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triphammer.config.patterns.clause import Condition


class Compiled:
    """A pattern ready to be asked. `clauses` are what an index may file it under."""

    __slots__ = ("_conditions", "_tests", "clauses")

    def __init__(self, conditions: Sequence[Condition]) -> None:
        # Plain look-ups first: most events fail there, before any regular expression.
        self._conditions = sorted(conditions, key=lambda condition: condition.clause is None)
        self._tests = tuple(condition.holds for condition in self._conditions)
        self.clauses = tuple(c.clause for c in self._conditions if c.clause is not None)

    def matches(self, event: Any) -> bool:
        """Whether the pattern holds for `event`, a struct with CloudEvents names or a mapping."""
        for holds in self._tests:  # noqa: SIM110 - half the time of all() with a generator
            if not holds(event):
                return False
        return True

    def why(self, event: Any) -> str | None:
        """The first clause that fails, in words; None when the pattern holds."""
        for condition in self._conditions:
            reason = condition.why(event)
            if reason is not None:
                return reason
        return None


def any_of(patterns: Sequence[Compiled]) -> Condition:
    """`$or`: one of several patterns must hold."""

    def holds(event: Any) -> bool:
        return any(pattern.matches(event) for pattern in patterns)

    def why(event: Any) -> str | None:
        reasons = [pattern.why(event) for pattern in patterns]
        if None in reasons:
            return None
        return "none of $or: " + "; ".join(str(reason) for reason in reasons)

    return Condition(holds, why)
