"""Which runs may begin now: a count per flow and in all, and who waits in the store.

Pure accounting. Runs over a limit stay `queued` in the store; a flow that has any there is
`behind`: its newer runs must not overtake, so they wait in the store as well and the
dispatcher reads them in order when a place is free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from triphammer.flows.graph import FlowDef


class Admission:
    """Places for active runs: at most `active_runs` in all, `places(flow)` for each flow.

    A run that waits gives its place back; where the runs of a flow exclude each other it only
    makes room for other flows, since it is still that flow's run.
    """

    def __init__(self, active_runs: int) -> None:
        self._limit = active_runs
        self._limits: dict[str, int] = {}
        self._active: Counter[str] = Counter()
        self._flow_of: dict[str, str] = {}
        self._behind: set[str] = set()
        self._paused: set[str] = set()
        self._exclusive: frozenset[str] = frozenset()
        self._parked: dict[str, str] = {}

    def set_flows(self, flows: Mapping[str, FlowDef]) -> None:
        """Take over the limits of the flows now live; runs of other flows keep one place."""
        self._limits = {f.name: f.max_runs for f in flows.values()}
        alone = (f.name for f in flows.values() if f.mode != "parallel" and f.per is None)
        self._exclusive = frozenset(alone)

    @property
    def limit(self) -> int:
        """How many runs may have a place."""
        return self._limit

    @property
    def active(self) -> int:
        """How many runs have a place."""
        return len(self._flow_of)

    def active_of(self, flow: str) -> int:
        """How many runs of `flow` have a place."""
        return self._active[flow]

    def free(self, flow: str) -> int:
        """How many more runs of `flow` may begin now."""
        if flow in self._paused:
            return 0
        own = self._limits.get(flow, 1) - self._active[flow]
        return max(0, min(own, self._limit - len(self._flow_of)))

    def room(self, flow: str) -> int:
        """How many brand-new runs of `flow` would begin at once: none while others wait."""
        return 0 if flow in self._behind else self.free(flow)

    def try_take(self, run: str, flow: str) -> bool:
        """Give a brand-new run a place unless it would overtake; it then falls `behind`."""
        if flow in self._behind or not self.free(flow):
            self._behind.add(flow)
            return False
        self.take(run, flow)
        return True

    def take(self, run: str, flow: str) -> None:
        """Give `run` a place, whatever the limits say (recovered runs had theirs before)."""
        if run not in self._flow_of:
            self._flow_of[run] = flow
            if self._parked.pop(run, None) is None:
                self._active[flow] += 1

    def park(self, run: str, flow: str) -> None:
        """`run` only waits now, whether it had a place or (after a restart) has none yet."""
        exclusive = flow in self._exclusive
        if self._flow_of.pop(run, None) is not None:
            self._active[flow] -= not exclusive
        elif exclusive and run not in self._parked:
            self._active[flow] += 1
        if exclusive:
            self._parked[run] = flow

    def may_go_on(self, run: str, flow: str) -> bool:
        """Whether there is a place for a run that has waited. A pause keeps none that had begun."""
        own = run in self._parked or self._active[flow] < self._limits.get(flow, 1)
        return own and len(self._flow_of) < self._limit

    def has(self, run: str) -> bool:
        """Whether `run` has a place."""
        return run in self._flow_of

    def release(self, run: str) -> None:
        """Give a place back; unknown runs are ignored."""
        flow = self._flow_of.pop(run, None) or self._parked.pop(run, None)
        if flow is not None:
            self._active[flow] -= 1

    def pause(self, flow: str, paused: bool) -> None:
        """Stop or allow the beginning of new runs; the next ones are read from the store."""
        if paused:
            self._paused.add(flow)
            self._behind.add(flow)
        else:
            self._paused.discard(flow)

    @property
    def paused(self) -> frozenset[str]:
        """The flows that begin no run now."""
        return frozenset(self._paused)

    def fall_behind(self, flows: Iterable[str]) -> None:
        """Queued runs of these flows are in the store (start-up, overload)."""
        self._behind.update(flows)

    def caught_up(self, flow: str) -> None:
        """No queued run of `flow` is left in the store."""
        if flow not in self._paused:
            self._behind.discard(flow)

    def turn(self) -> tuple[str, int] | None:
        """A flow with queued runs in the store and a free place, and how many it may begin
        before the next has its turn.

        Where the limit of all flows binds, the flow with the fewest active runs begins one: none
        is left out for ever. Equals go by name, so that the order is the same again.
        """
        free = {flow: self.free(flow) for flow in self._behind}
        ready = [flow for flow, places in free.items() if places]
        if not ready:
            return None
        flow = min(ready, key=lambda name: (self._active[name], name))
        scarce = sum(free.values()) > self._limit - len(self._flow_of)
        return flow, 1 if scarce and len(ready) > 1 else free[flow]
