"""Faults of flow control and dispatch, put there on purpose: see `planted`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.chaos.launcher import patch

Around = Callable[..., Any]


def one_run_too_many() -> None:
    """Limits are off by one."""
    from triphammer.service.dispatcher.admission import Admission

    def around(original: Around) -> Around:
        def free(self: Any, flow: str) -> int:
            return int(original(self, flow)) + (flow not in self.paused)

        return free

    patch(Admission, "free", around)


def resumed_without_its_queue() -> None:
    """A flow that is resumed begins what comes, and leaves what has waited."""
    from triphammer.service.dispatcher.admission import Admission

    def around(original: Around) -> Around:
        def pause(self: Any, flow: str, paused: bool) -> None:
            original(self, flow, paused)
            if not paused:
                self.caught_up(flow)

        return pause

    patch(Admission, "pause", around)


def failures_let_others_pass() -> None:
    """A failed run holds its key no more."""
    from triphammer.service.dispatcher import starter

    patch(starter, "GONE", lambda states: (*states, "failed"))


def keys_forgotten() -> None:
    """After a start nobody holds a key."""
    from triphammer.service.dispatcher.ordering import Ordering

    def load(self: Ordering, held: Iterable[tuple[str, str, int]]) -> None:
        pass

    patch(Ordering, "load", lambda _: load)


def raising_is_no() -> None:
    """A predicate that raises has said no."""
    from triphammer.service.dispatcher import decide

    def around(original: Around) -> Around:
        def ask(entry: Any, event: Any) -> tuple[bool, None]:
            return original(entry, event)[0], None

        return ask

    patch(decide, "_ask", around)


def begun_from_the_queue_and_when_offered() -> None:
    """What is read from the queue before memory knows of it begins, and once more."""
    from triphammer.service.dispatcher.starter import Starter

    def expect(self: Starter, runs: Iterable[str]) -> None:
        pass

    patch(Starter, "expect", lambda _: expect)


def withdrawn_and_begun() -> None:
    """Whatever is on its way to begin a run does not see that it was cancelled."""
    from triphammer.service.dispatcher.starter import Starter

    def around(original: Around) -> Around:
        def withdraw(self: Any, run: Any) -> None:
            original(self, run)
            self._withdrawn.clear()

        return withdraw

    def keeping(original: Around) -> Around:
        def withdrew(self: Any, run: Any, posted: Any) -> None:
            if not self._admission.has(run.id):
                original(self, run, posted)

        return withdrew

    patch(Starter, "withdraw", around)
    patch(Starter, "_withdrew", keeping)


PLANTED_IN_FLOW_CONTROL = (
    one_run_too_many,
    resumed_without_its_queue,
    failures_let_others_pass,
    keys_forgotten,
    raising_is_no,
)
"""The model notices each of them."""
PLANTED_IN_DISPATCH = (
    *PLANTED_IN_FLOW_CONTROL,
    begun_from_the_queue_and_when_offered,
    withdrawn_and_begun,
)
