"""Trigger rules: whether a node runs, given how its upstreams ended. Airflow's names.

Source of the meanings: Airflow, "Trigger Rules". One thing differs: a verdict never depends on
the order in which upstreams end (Airflow skips an `all_success` task at the first skipped
upstream, even if another one fails later), so that a resumed run decides as the first did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Verdict = Literal["run", "skip", "block", "wait"]
"""`block`: an upstream failed, so this node never runs (Airflow: upstream_failed)."""


class Upstream(msgspec.Struct):
    """How many upstreams there are, and how many of them have ended in which way.

    `setups` of them are setups, of which `made` succeeded and `unmade` were skipped.
    """

    total: int
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    blocked: int = 0
    setups: int = 0
    made: int = 0
    unmade: int = 0

    def count(self, how: str, *, setup: bool = False) -> None:
        """One more has ended: succeeded, failed, skipped or blocked."""
        if setup:
            self.made += how == "succeeded"
            self.unmade += how == "skipped"
        if how == "succeeded":
            self.succeeded += 1
        elif how == "failed":
            self.failed += 1
        elif how == "skipped":
            self.skipped += 1
        else:
            self.blocked += 1

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return self.succeeded + self.failed + self.skipped + self.blocked == self.total

    @property
    def unsuccessful(self) -> int:
        """How many failed, themselves or because of one before them."""
        return self.failed + self.blocked


def judge(rule: str, up: Upstream) -> Verdict:
    """Whether a node with this rule runs now. Without upstreams every rule says run.

    Once it is not "wait" it stays the same, whatever the other upstreams do.
    """
    if up.total == 0:
        return "run"
    return _RULES[rule](up)


def _all_success(up: Upstream) -> Verdict:
    if up.unsuccessful:
        return "block"
    if not up.done:
        return "wait"
    return "skip" if up.skipped else "run"


def _all_failed(up: Upstream) -> Verdict:
    if up.succeeded or up.skipped:
        return "skip"
    return "run" if up.done else "wait"


def _all_done(up: Upstream) -> Verdict:
    return "run" if up.done else "wait"


def _all_done_min_one_success(up: Upstream) -> Verdict:
    """A skipped upstream has not been done, as in Airflow's own code."""
    if up.skipped:
        return "skip"
    if not up.done:
        return "wait"
    return "run" if up.succeeded else "block"


def _all_done_setup_success(up: Upstream) -> Verdict:
    """What a teardown goes by: one setup that has succeeded is enough to have it undone."""
    if not up.done:
        return "wait"
    if not up.setups or up.made:
        return "run"
    return "skip" if up.unmade == up.setups else "block"


def _all_skipped(up: Upstream) -> Verdict:
    if up.succeeded or up.unsuccessful:
        return "skip"
    return "run" if up.done else "wait"


def _one_success(up: Upstream) -> Verdict:
    if up.succeeded:
        return "run"
    if not up.done:
        return "wait"
    return "block" if up.unsuccessful else "skip"


def _one_failed(up: Upstream) -> Verdict:
    if up.unsuccessful:
        return "run"
    return "skip" if up.done else "wait"


def _one_done(up: Upstream) -> Verdict:
    """A blocked upstream has not been done: it never ran."""
    if up.succeeded or up.failed:
        return "run"
    return "skip" if up.done else "wait"


def _none_failed(up: Upstream) -> Verdict:
    if up.unsuccessful:
        return "block"
    return "run" if up.done else "wait"


def _none_failed_min_one_success(up: Upstream) -> Verdict:
    if up.unsuccessful:
        return "block"
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
    "all_done_min_one_success": _all_done_min_one_success,
    "all_done_setup_success": _all_done_setup_success,
    "all_skipped": _all_skipped,
    "one_success": _one_success,
    "one_failed": _one_failed,
    "one_done": _one_done,
    "none_failed": _none_failed,
    "none_failed_min_one_success": _none_failed_min_one_success,
    "none_skipped": _none_skipped,
    "always": _always,
}
