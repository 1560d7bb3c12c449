"""Runs that have waited and may go on, until there is a place for them. Pure accounting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triphammer.service.dispatcher.admission import Admission


class Woken:
    """The runs by flow, in the order they were woken. One that is to be ended, for the reason
    given, needs no place, nor does one that is overdue: its end, or the word that it is late,
    must not wait for others."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._flows: dict[str, dict[str, None]] = {}
        self._reasons: dict[str, str] = {}
        self._overdue: set[str] = set()
        self._again: dict[str, str] = {}

    def add(self, run: str, flow: str, cancel: str = "", *, overdue: bool = False) -> None:
        """`run` may go on; with `cancel` only to its end."""
        if cancel:
            self._reasons.setdefault(run, cancel)
        if self._admission.has(run):
            self._again[run] = flow  # it is being taken up: what woke it came too late for that
            return
        self._flows.setdefault(flow, {})[run] = None
        if overdue:
            self._overdue.add(run)

    def take(self, most: int) -> Sequence[tuple[str, str]]:
        """At most so many that have a place: they have taken it. Run and flow of each."""
        taken: list[tuple[str, str]] = []
        for run, flow in self._placed():
            self._admission.take(run, flow)
            taken.append((run, flow))
            if len(taken) == most:
                break
        for run, flow in taken:
            self._overdue.discard(run)
            del self._flows[flow][run]
            if not self._flows[flow]:
                del self._flows[flow]
        return taken

    def _placed(self) -> Iterator[tuple[str, str]]:
        """Those that may go on now; each but the first takes the places before it in account."""
        for flow, runs in self._flows.items():
            for run in runs:
                at_once = run in self._reasons or run in self._overdue
                if at_once or self._admission.may_go_on(run, flow):
                    yield run, flow
                elif not self._reasons and not self._overdue:
                    break  # of the others of this flow none may

    def reason(self, run: str) -> str:
        """Why `run`, which goes on now, is to be ended; "" if it is not."""
        return self._reasons.pop(run, "")

    def came_again(self, run: str) -> bool:
        """Whether `run` was woken once more while it was being taken up."""
        return self._again.pop(run, None) is not None

    def gone(self, run: str) -> None:
        """`run` has ended."""
        self._reasons.pop(run, None)
        self._again.pop(run, None)
