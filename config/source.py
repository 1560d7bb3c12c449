"""What a flow listens to, as a plain value that sensors make and flows only carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Pattern = Mapping[str, Any]
Predicate = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One sensor to run: its kind (an entry point), its name and its plain options.

    `name` is unique among the sensors of a kind; specs with equal kind and name are merged by
    the sensor class (`merge`), so that two flows on one folder share one sensor.
    """

    kind: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def id(self) -> str:
        """`kind:name`, the key of its stored positions and its name in `/readyz`."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of a flow's `on=`: which sensor must run and which events match.

    `match` is an event pattern that the source itself implies (its `source`, `type`, globs).
    `pattern` and `predicate` are what the user added by `.where(...)`. Both patterns use the
    vocabulary of `triphammer.config.patterns`. `kind` is the sensor kind, or `"events"` /
    `"finished"`, which need no sensor. With `per_flow` the flow's name is put in place of
    `{flow}` in the sensor's name, its options' `flow` and the pattern (timers).
    """

    kind: str
    name: str
    options: Mapping[str, Any]
    match: Pattern
    per_flow: bool = False
    needs_sensor: bool = True
    pattern: Pattern | None = None
    predicate: Predicate | None = None
    text: str = ""

    def where(self, condition: Pattern | Predicate) -> Source:
        """Narrow this source to the events that `condition` holds for.

        A mapping is an event pattern, anything callable a predicate over the event. A second
        call replaces a condition of the same sort and keeps the other: both must hold.
        """
        if callable(condition):
            return replace(self, predicate=condition)
        return replace(self, pattern=condition)

    def spec(self, flow: str) -> SensorSpec | None:
        """The sensor that this source needs when `flow` listens to it, if any."""
        if not self.needs_sensor:
            return None
        if not self.per_flow:
            return SensorSpec(self.kind, self.name, self.options)
        name = self.name.replace("{flow}", flow)
        return SensorSpec(self.kind, name, {**self.options, "flow": flow})

    def matching(self, flow: str) -> Pattern:
        """The implied pattern for `flow`: `{flow}` in its texts replaced by the flow's name."""
        if not self.per_flow:
            return self.match
        filled: dict[str, Any] = _fill(self.match, flow)
        return filled


def _fill(value: Any, flow: str) -> Any:
    if isinstance(value, str):
        return value.replace("{flow}", flow)
    if isinstance(value, Mapping):
        return {k: _fill(v, flow) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType] - patterns are untyped JSON
    if isinstance(value, (list, tuple)):
        return [_fill(v, flow) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value
