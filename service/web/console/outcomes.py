"""What became of an event for a flow, in words."""

from __future__ import annotations

from collections.abc import Mapping

MEANING: Mapping[str, str] = {
    "ran": "it started a run",
    "filtered": "it is not what the flow listens to",
    "duplicate": "it had come before",
    "error": "the flow's predicate raised",
    "loop": "the flow had caused it itself",
    "paused": "the flow was paused: its run waits",
    "dead-lettered": "its data do not fit the flow",
    "skipped": "it started no run",
}


def meaning(outcome: str) -> str:
    """What an outcome means; of one that is not known the outcome itself."""
    return MEANING.get(outcome, outcome)
