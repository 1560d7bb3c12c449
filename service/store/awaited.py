"""Events and the waits that they may answer: by which values they find them, and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from triphammer.config.patterns import Clause, Compiled, compile_pattern, values_at
from triphammer.flows.journal import Encoded, Wait, WaitAnswer
from triphammer.sensors.codec import event_json
from triphammer.sensors.event import Event

Key = tuple[str, str]
"""A path and a value at it, both as JSON."""
ALWAYS: Key = ("", "")
"""Of a wait that has no such value: every event may answer it."""
TELLING = ("data", "subject", "id", "headers", "extension", "source", "type")
"""The better a part of events tells them apart, the earlier it stands."""

LONGEST = 200
"""Characters of a value that are stored as they are."""


def keys_of(wait: Wait) -> Sequence[Key]:
    """The keys of one clause of the pattern: that which asks for a value of the run, if one does,
    else the one that tells events apart best."""
    clauses = [clause for clause in _pattern(wait).clauses if _is_exact(clause)]
    if not clauses:
        return [ALWAYS]
    best = min(clauses, key=lambda clause: (clause.path != wait.by, _rank(clause)))
    path = json.dumps(best.path)
    return list(dict.fromkeys((path, _value(value)) for value in best.exact))


def keys_for(event: Event, paths: Sequence[str]) -> list[Key]:
    """Under which keys, of those with one of the `paths`, an event is looked for."""
    found: list[Key] = []
    for path in paths:
        if not path:
            found.append(ALWAYS)
            continue
        values = values_at(msgspec.json.decode(path, type=tuple[str, ...]))(event)
        found += [(path, _value(value)) for value in values if _is_scalar(value)]
    return list(dict.fromkeys(found))


def only_type(wait: Wait) -> str | None:
    """The one type of event that can answer a wait; None: there may be several."""
    for clause in _pattern(wait).clauses:
        if clause.path == ("type",) and _is_exact(clause) and len(clause.exact) == 1:
            return str(clause.exact[0])
    return None


def _is_exact(clause: Clause) -> bool:
    return bool(clause.exact) and not clause.prefixes and not clause.intervals


def _rank(clause: Clause) -> tuple[int, int]:
    root = clause.path[0] if clause.path[0] in TELLING else "extension"
    return TELLING.index(root), len(clause.exact)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _value(value: Any) -> str:
    """Numbers that are equal have one text: 1 and 1.0. Of a long one it is the hash."""
    plain = int(value) if isinstance(value, float) and value.is_integer() else value
    text = json.dumps(plain)  # alone among encoders it takes half a surrogate pair
    return text if len(text) <= LONGEST else hashlib.sha256(text.encode()).hexdigest()


def matches(wait: Wait, event: Event) -> bool:
    """Whether an event is what the wait is for."""
    return _pattern(wait).matches(event)


def _pattern(wait: Wait) -> Compiled:
    return _compiled(msgspec.json.encode(wait.pattern or {}))


@lru_cache(maxsize=256)
def _compiled(pattern: bytes) -> Compiled:
    """One event may answer very many waits that are alike."""
    return compile_pattern(msgspec.json.decode(pattern))


def event_answer(event: Event) -> WaitAnswer:
    """The answer that an event is. Data that JSON cannot hold is left out: a sender's payload
    must not keep his event from being stored."""
    shown = event_json(event)
    try:
        body = msgspec.json.encode(shown)
    except (TypeError, ValueError, RecursionError):
        body = msgspec.json.encode({**shown, "data": None})
    return WaitAnswer("event", Encoded("json", body))
