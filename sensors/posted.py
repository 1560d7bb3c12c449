"""Sources that need no sensor: events posted to the API, and runs that ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from triphammer.config.source import Pattern, Source
from triphammer.sensors.errors import SourceError

FINISHED = "triphammer.run.finished"
END_STATES = ("succeeded", "failed", "cancelled", "superseded")

Choice = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
"""A text (`*` stands for any characters), an operator such as `{"prefix": "a."}`, or several."""


class Named(Protocol):
    """Something with a name: a flow."""

    @property
    def name(self) -> str: ...


Flow = Named | str


def events(*, type: Choice | None = None, source: Choice | None = None) -> Source:
    """Events posted to `/api/v1/events`, or of any other origin, of that type and source.

    Raises SourceError when neither is given: every event would match, also those that the
    flow itself brings about.
    """
    given = {"type": type, "source": source}
    match = {name: _choices(name, value) for name, value in given.items() if value is not None}
    if not match:
        raise SourceError('events() needs a type or a source, such as events(type="order.*")')
    text = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
    return _matching("events", match, f"events({text})")


def finished(
    flow: Flow | Sequence[Flow] = "*", *, state: str | Sequence[str] | None = None
) -> Source:
    """Ends of runs of `flow` (a flow, a name, several, or `"*"` for all), in any given state.

    It never matches a run that the listening flow itself caused, however indirectly. Raises
    SourceError for an unknown state.
    """
    names = [_name(f) for f in ([flow] if isinstance(flow, str) else _listed(flow))]
    states = [state] if isinstance(state, str) else list(state or ())
    for one in states:
        if one not in END_STATES:
            raise SourceError(
                f"finished: there is no final state {one!r}; choose from {', '.join(END_STATES)}"
            )
    match: dict[str, Any] = {"type": [FINISHED]}
    if "*" not in names:
        match["subject"] = names
    if states:
        match["data"] = {"state": states}
    shown = f", state={states!r}" if states else ""
    return _matching("finished", match, f"finished({', '.join(map(repr, names))}{shown})")


def _matching(kind: str, match: Pattern, text: str) -> Source:
    return Source(kind=kind, name="", options={}, match=match, needs_sensor=False, text=text)


def _choices(name: str, value: Choice) -> list[Any]:
    listed: Sequence[Any] = [value] if isinstance(value, (str, Mapping)) else list(value)
    if not listed:
        raise SourceError(f"events: {name} is an empty list, which nothing matches")
    return [{"wildcard": one} if isinstance(one, str) and "*" in one else one for one in listed]


def _listed(flow: Named | Sequence[Flow]) -> Sequence[Flow]:
    return flow if isinstance(flow, Sequence) else [flow]


def _name(flow: Flow) -> str:
    name = flow if isinstance(flow, str) else getattr(flow, "name", None)
    if not isinstance(name, str) or not name:
        raise SourceError(f"finished takes a flow, its name or '*', not {flow!r}")
    return name
