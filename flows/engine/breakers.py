"""Circuit breakers: attempts of a task are held back while most of them would fail.

Closed: all go. So many failures within the window open it: all wait. After the cooldown it is half
open: one goes, the probe. Its success closes it, its failure opens it anew. That it is open is kept
in the durable state of the flow whose failure opened it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, Literal, NamedTuple, TypeVar

from triphammer.flows.breaker import Breaker
from triphammer.flows.errors import BreakerOpen
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.graph import Node
from triphammer.flows.journal import ErrorInfo

PREFIX = "$breaker/"
"""Under such a key a flow's state keeps until when a breaker is open."""

Waiting = TypeVar("Waiting")
Verdict = Literal["go", "wait", "fail"]
NOTHING: Mapping[str, bytes | None] = {}


class BreakerCount(NamedTuple):
    """How a breaker stands. `state`: closed, open, half_open. `failures` within its window;
    `until` (microseconds UTC) the next probe waits."""

    state: str
    failures: int
    waiting: int
    until: int | None


class Breakers(Generic[Waiting]):
    """Lets what waits begin when its breaker lets it.

    `state` is the committed state of a flow. `at` calls back at a time. `wanted` says whether what
    waits, or is the probe, may still begin or be under way; `go` begins it.
    """

    def __init__(
        self,
        state: Callable[[str], Mapping[str, bytes]],
        at: Callable[[int, Callable[[], None]], None],
        now: Callable[[], int],
        wanted: Callable[[Waiting], bool],
        go: Callable[[Waiting], None],
    ) -> None:
        self._state = state
        self._at = at
        self._now = now
        self._wanted = wanted
        self._go = go
        self._circuits: dict[str, _Circuit[Waiting]] = {}
        self._known: set[tuple[str, str]] = set()
        self._begun: dict[AttemptId, _Circuit[Waiting]] = {}

    def enter(self, flow: str, node: Node, id: AttemptId, waiting: Waiting) -> Verdict:
        """Whether an attempt may begin; one that is to wait begins by itself."""
        circuit = self._circuit(flow, node)
        if circuit.until is None:
            return "go"
        if circuit.spec.when_open == "fail":
            if self._is_probing(circuit) or self._now() < circuit.until:
                return "fail"
            self._probe(circuit, id, waiting)
            return "go"
        circuit.queue.append((id, waiting))
        self._serve(circuit)
        return "wait"

    def begun(self, flow: str, node: Node, id: AttemptId) -> None:
        """An attempt has begun."""
        self._begun[id] = self._circuit(flow, node)

    def ended(self, result: AttemptResult) -> Mapping[str, bytes | None]:
        """An attempt has ended; what the state of its flow is to keep of it."""
        circuit = self._begun.pop(result.id, None)
        if circuit is None:
            return NOTHING
        was_probe = circuit.probe is not None and circuit.probe[0] == result.id
        if was_probe:
            circuit.probe = None
        went_well = verdict_of(result)
        if went_well is None:
            self._serve(circuit)
            return NOTHING
        if went_well:
            return self._close(circuit) if was_probe else NOTHING
        if was_probe or (circuit.until is None and self._is_too_much(circuit)):
            return self._open(circuit)
        return NOTHING

    def counts(self) -> Mapping[str, BreakerCount]:
        """How each breaker stands."""
        return {name: self._count(c) for name, c in sorted(self._circuits.items())}

    def _count(self, circuit: _Circuit[Waiting]) -> BreakerCount:
        self._forget_old(circuit)
        state = "open"
        if circuit.until is None:
            state = "closed"
        elif circuit.probe is not None:
            state = "half_open"
        waiting = sum(self._wanted(one) for _, one in circuit.queue)
        return BreakerCount(state, len(circuit.failures), waiting, circuit.until)

    def _circuit(self, flow: str, node: Node) -> _Circuit[Waiting]:
        spec = node.options.breaker
        assert spec is not None
        name = spec.name or f"{flow}/{node.spec.name}"
        circuit = self._circuits.get(name)
        if circuit is None:
            circuit = self._circuits[name] = _Circuit[Waiting](name)
        circuit.spec = spec
        if (name, flow) not in self._known:
            self._known.add((name, flow))
            stored = self._state(flow).get(PREFIX + name)
            if stored is not None:
                # At most one cooldown: the clock may have been set back.
                latest = self._now() + int(spec.cooldown * 1e6)
                circuit.until = max(circuit.until or 0, min(int(stored), latest))
        return circuit

    def _is_too_much(self, circuit: _Circuit[Waiting]) -> bool:
        circuit.failures.append(self._now())
        self._forget_old(circuit)
        return len(circuit.failures) >= circuit.spec.failures

    def _forget_old(self, circuit: _Circuit[Waiting]) -> None:
        oldest = self._now() - int(circuit.spec.window * 1e6)
        while circuit.failures and circuit.failures[0] < oldest:
            circuit.failures.popleft()

    def _open(self, circuit: _Circuit[Waiting]) -> Mapping[str, bytes | None]:
        circuit.until = self._now() + int(circuit.spec.cooldown * 1e6)
        self._serve(circuit)
        return {PREFIX + circuit.name: b"%d" % circuit.until}

    def _close(self, circuit: _Circuit[Waiting]) -> Mapping[str, bytes | None]:
        circuit.until = None
        circuit.failures.clear()
        self._serve(circuit)
        return {PREFIX + circuit.name: None}

    def _is_probing(self, circuit: _Circuit[Waiting]) -> bool:
        """Whether a probe is under way. One that waits for a slot may never begin: its run may
        have been cancelled."""
        if circuit.probe is not None and not self._wanted(circuit.probe[1]):
            circuit.probe = None
        return circuit.probe is not None

    def _probe(self, circuit: _Circuit[Waiting], id: AttemptId, waiting: Waiting) -> None:
        circuit.probe = (id, waiting)
        self._look_again(circuit, self._now() + int(circuit.spec.cooldown * 1e6))

    def _serve(self, circuit: _Circuit[Waiting]) -> None:
        """Begin of what waits as many as may."""
        while circuit.queue:
            if not self._wanted(circuit.queue[0][1]):
                circuit.queue.popleft()
                continue
            now = self._now()
            if circuit.until is not None:
                if self._is_probing(circuit):
                    return
                if now < circuit.until:
                    self._look_again(circuit, circuit.until)
                    return
            id, waiting = circuit.queue.popleft()
            if circuit.until is not None:
                self._probe(circuit, id, waiting)
            self._go(waiting)

    def _look_again(self, circuit: _Circuit[Waiting], due: int) -> None:
        if circuit.looks is None or due < circuit.looks or circuit.looks < self._now():
            circuit.looks = due
            self._at(due, partial(self._looked, circuit))

    def _looked(self, circuit: _Circuit[Waiting]) -> None:
        circuit.looks = None
        if circuit.probe is not None and self._is_probing(circuit):
            self._look_again(circuit, self._now() + int(circuit.spec.cooldown * 1e6))
        self._serve(circuit)


class _Circuit(Generic[Waiting]):
    """One breaker. `until`: open, and until when; `looks`: when it is looked at again."""

    __slots__ = ("failures", "looks", "name", "probe", "queue", "spec", "until")

    def __init__(self, name: str) -> None:
        self.name = name
        self.spec = Breaker(failures=1, window=1, cooldown=1)
        self.failures: deque[int] = deque()
        self.until: int | None = None
        self.looks: int | None = None
        self.probe: tuple[AttemptId, Waiting] | None = None
        self.queue: deque[tuple[AttemptId, Waiting]] = deque()


def verdict_of(result: AttemptResult) -> bool | None:
    """Whether what the task talks to works; None: the attempt does not tell.

    A misfit, `Fail` and a cancel are not about that; `Skip` is the word of a task that got through.
    """
    if result.error is None or result.skipped:
        return True
    return False if result.retryable and not result.cancelled else None


def refused(id: AttemptId, node: Node, now: int) -> AttemptResult:
    """The end of an attempt that an open breaker did not let begin."""
    named = node.options.breaker.name if node.options.breaker is not None else None
    text = f"the breaker {named or node.spec.name} is open: too many attempts have failed"
    error = ErrorInfo(BreakerOpen.__name__, text)
    return AttemptResult(id=id, started_at=now, finished_at=now, error=error)
