"""Where tasks run in a simulation: inline, in the order that is noted, failing where a test
wants them to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from triphammer.flows.executors.contract import Attempt, Executor, ExecutorContext
from triphammer.flows.executors.inline import InlineExecutor


@dataclass(slots=True)
class Fault:
    """The next `times` attempts of a task fail with `error`; None: all of them."""

    task: str
    flow: str | None
    times: int | None
    error: BaseException

    def hits(self, attempt: Attempt) -> bool:
        """Whether this attempt is one of them; it is counted then."""
        if self.times == 0 or self.flow not in (None, attempt.flow):
            return False
        if self.task not in (attempt.id.task, attempt.id.task.partition("[")[0]):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Script:
    """What a test has planned, and the order in which attempts have begun, by run."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.begun: dict[str, list[str]] = {}

    def executors(self, context: ExecutorContext) -> Mapping[str, Executor]:
        """One executor on the caller's loop in the place of all, for virtual time."""
        return _Everywhere(async_=_Scripted(context, self))

    def take(self, attempt: Attempt) -> Attempt:
        """Note that `attempt` begins; what is to run in its place."""
        self.begun.setdefault(attempt.id.run, []).append(attempt.id.task)
        fault = next((f for f in self.faults if f.hits(attempt)), None)
        if fault is None:
            return attempt
        return msgspec.structs.replace(attempt, body=_raising(fault.error))


class _Scripted(InlineExecutor):
    def __init__(self, context: ExecutorContext, script: Script) -> None:
        super().__init__(context.now, ended=context.ended)
        self._script = script

    def submit(self, attempts: Sequence[Attempt]) -> None:
        super().submit([self._script.take(attempt) for attempt in attempts])


class _Everywhere(dict[str, Executor]):
    """One executor under every name: to read which there are takes longer than most tests."""

    def __missing__(self, name: str) -> Executor:
        return next(iter(self.values()))


def _raising(error: BaseException) -> Callable[[], Any]:
    def body() -> Any:
        raise error

    return body
