"""All targets by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.fuzz import events, hooks, settings, times, traces
from tests.chaos.fuzz.mutations import NASTY
from tests.chaos.fuzz.target import Target, judge

__all__ = ["NASTY", "TARGETS", "judge"]

TARGETS: Mapping[str, Target] = {
    target.name: target
    for module in (events, hooks, settings, times, traces)
    for target in module.TARGETS
}
