"""Graphs made by hand, and a machine driven without any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from tests.flows.support import MemoryArtifacts, an_event
from triphammer.config.secrets import Secrets
from triphammer.flows.codec import encode
from triphammer.flows.engine.machine import RunMachine
from triphammer.flows.engine.plan import Plan
from triphammer.flows.engine.rows import CANCELLED
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Ending, Launch, RunStart, Step
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.expr import Expr, Scope
from triphammer.flows.graph import FlowDef, Graph, Node, Options, TaskSpec
from triphammer.flows.journal import ErrorInfo, TaskRow

BOOM = ErrorInfo("ValueError", "boom", "trace")


class Of(Expr):
    """The result of a node."""

    def __init__(self, node: str) -> None:
        self.node = node

    def evaluate(self, scope: Scope) -> Any:
        return scope.result(self.node)

    def upstream(self) -> Iterator[str]:
        yield self.node


class Computed(Expr):
    """Anything, computed from the scope."""

    def __init__(self, compute: Callable[[Scope], Any]) -> None:
        self.compute = compute

    def evaluate(self, scope: Scope) -> Any:
        return self.compute(scope)


def unused(*_: Any) -> None:
    raise AssertionError("machines do not call functions")


def a_node(
    name: str,
    *upstream: str,
    args: tuple[Any, ...] = (),
    mapped: bool = False,
    fn: Callable[..., Any] = unused,
    returns: Any = Any,
    **options: Any,
) -> Node:
    hints = {"return": returns}
    spec = TaskSpec(name=name, kind="task", fn=fn, is_async=True, hints=hints, where="")
    return Node(
        name=name,
        spec=spec,
        options=Options(**options),
        args=args,
        mapped=mapped,
        upstream=upstream,
        where=f"flows/sample.py:{len(name)}",
    )


def a_flow(*nodes: Node, result: Any = None, name: str = "sample") -> FlowDef:
    return FlowDef(
        name=name,
        version="1",
        graph=Graph(nodes={node.name: node for node in nodes}, result=result),
        on=(),
        params={},
        fill={},
        mode="parallel",
        max_runs=1,
        timezone=None,
        file="flows/sample.py",
        line=1,
        sources={},
    )


class Longest(Random):
    """The largest wait each time."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Driven:
    """A machine whose attempts end as the test says. Times are microseconds."""

    def __init__(
        self,
        flow: FlowDef,
        rows: Sequence[TaskRow] = (),
        now: int = 1000,
        *,
        params: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        start = RunStart(
            id="run_1",
            epoch=0,
            flow=flow,
            event=an_event({}),
            params={},
            created_at=0,
            tasks=tuple(rows),
        )
        plan = Plan(flow)
        scope = RunScope(
            plan,
            event=start.event,
            params=params or {},
            artifacts=MemoryArtifacts(),
            secrets=Secrets(values=secrets or {}),
        )
        self.machine = RunMachine(start, plan, scope, Longest())
        self.now = now
        self.rows: dict[str, TaskRow] = {row.name: row for row in rows}
        self.history: list[tuple[str, str, int]] = []
        self.journal: list[TaskRow] = []
        self.under_way: dict[str, Launch] = {}
        self.later: list[tuple[int, Launch]] = []
        self.launched: list[str] = []
        self.failures: list[tuple[str, int]] = []
        self.ending: Ending | None = None
        self._step(lambda step: self.machine.begin(step, now))

    def succeed(self, name: str, value: Any = None) -> None:
        self._end(name, value=encode(value, Any, MemoryArtifacts()))

    def fail(self, name: str, error: ErrorInfo = BOOM, *, retryable: bool = True) -> None:
        self._end(name, error=error, retryable=retryable)

    def pass_time(self) -> None:
        """Let the next retry be due."""
        self.later.sort(key=lambda item: item[0])
        due, launch = self.later.pop(0)
        self.now = max(self.now, due)
        self._step(lambda step: self.machine.due(launch, step))

    def cancel(self, kind: str = CANCELLED) -> None:
        running = {
            name: TaskRow(name=name, state="running", attempt=launch.attempt, started_at=1)
            for name, launch in self.under_way.items()
        }
        self._step(lambda step: self._cancel(running, step, kind))

    def _cancel(self, running: Mapping[str, TaskRow], step: Step, kind: str) -> None:
        for name in self.machine.cancel("enough", running, step, self.now, kind):
            del self.under_way[name]

    def states(self) -> Mapping[str, str]:
        return {name: row.state for name, row in self.rows.items()}

    def _end(self, name: str, **outcome: Any) -> None:
        launch = self.under_way.pop(name)
        self.now += 1
        result = AttemptResult(
            id=AttemptId("run_1", name, launch.attempt, 0),
            started_at=self.now - 1,
            finished_at=self.now,
            **outcome,
        )
        self._step(lambda step: self.machine.finished(result, step, self.now))

    def _step(self, act: Callable[[Step], None]) -> None:
        step = Step()
        act(step)
        self.machine.close(step, self.now)
        for row in (*step.rides, *step.rows):
            self.rows[row.name] = row
            self.journal.append(row)
        self.failures += [(name, attempt) for name, attempt, *_ in step.failed_attempts]
        for launch in (*step.now, *step.launches):
            assert launch.name not in self.under_way
            self.under_way[launch.name] = launch
            self.launched.append(f"{launch.name}#{launch.attempt}")
        self.later += step.later
        if step.ending is not None:
            assert self.ending is None
            self.ending = step.ending

    @property
    def end(self) -> Ending:
        assert self.ending is not None
        return self.ending

    @property
    def result(self) -> Any:
        assert self.end.result is not None
        return msgspec.json.decode(self.end.result.body)
