"""Trigger rules: whether a node runs, given how its upstreams ended. Airflow's names.

Source of the meanings: Airflow, "Trigger Rules". A node that cannot run because an upstream
failed is itself taken as failed by the nodes behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Verdict = Literal["run", "skip", "fail", "wait"]
"""`fail`: an upstream failed, so this node never runs ("upstream failed")."""


class Upstream(msgspec.Struct):
    """How many upstreams there are, and how many of them have ended in which way."""

    total: int
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return self.succeeded + self.failed + self.skipped == self.total


def judge(rule: str, up: Upstream) -> Verdict:
    """Whether a node with this rule runs now. Without upstreams every rule says run."""
    if up.total == 0:
        return "run"
    return _RULES[rule](up)


def _all_success(up: Upstream) -> Verdict:
    if up.failed:
        return "fail"
    if up.skipped:
        return "skip"
    return "run" if up.done else "wait"


def _all_failed(up: Upstream) -> Verdict:
    if up.succeeded or up.skipped:
        return "skip"
    return "run" if up.done else "wait"


def _all_done(up: Upstream) -> Verdict:
    return "run" if up.done else "wait"


def _all_skipped(up: Upstream) -> Verdict:
    if up.succeeded or up.failed:
        return "skip"
    return "run" if up.done else "wait"


def _one_success(up: Upstream) -> Verdict:
    if up.succeeded:
        return "run"
    if not up.done:
        return "wait"
    return "fail" if up.failed else "skip"


def _one_failed(up: Upstream) -> Verdict:
    if up.failed:
        return "run"
    return "skip" if up.done else "wait"


def _one_done(up: Upstream) -> Verdict:
    if up.succeeded or up.failed:
        return "run"
    return "skip" if up.done else "wait"


def _none_failed(up: Upstream) -> Verdict:
    if up.failed:
        return "fail"
    return "run" if up.done else "wait"


def _none_failed_min_one_success(up: Upstream) -> Verdict:
    if up.failed:
        return "fail"
    if not up.done:
        return "wait"
    return "run" if up.succeeded else "skip"


def _none_skipped(up: Upstream) -> Verdict:
    if up.skipped:
        return "skip"
    return "run" if up.done else "wait"


def _always(up: Upstream) -> Verdict:
    return "run"


_RULES: Mapping[str, Callable[[Upstream], Verdict]] = {
    "all_success": _all_success,
    "all_failed": _all_failed,
    "all_done": _all_done,
    "all_skipped": _all_skipped,
    "one_success": _one_success,
    "one_failed": _one_failed,
    "one_done": _one_done,
    "none_failed": _none_failed,
    "none_failed_min_one_success": _none_failed_min_one_success,
    "none_skipped": _none_skipped,
    "always": _always,
}
