"""The errors of flows.

FlowError                  root of the family
├── GraphError             a flow file or body is wrong: `file:line: message` (load error)
│   ├── HandleError        a handle used as a value; names the cure
│   └── CycleError         a circle in the graph; names its tasks
├── ValueMisfit            an argument or result does not fit its annotation; no retry
│   └── ParamMisfit        parameters of a run that are unknown, missing or do not fit
├── DebuggerLeft           whoever debugs a run does not want it to go on
├── UnknownTask            a run has no task of this name
├── TooLarge               a file is larger than `[limits] artifact`
├── ResourceFailed         a resource that a task takes cannot be opened
├── NotInTask              context(), state or secret used outside a running task
├── Skip                   raised by a task: it ends as skipped
├── Fail                   raised by a task: it has failed for good, no retry
└── TaskFailed             raised inside the engine: one attempt failed
    ├── WaitTimeout        what a task waited for has not come in time
    ├── Rejected           what a task asked for was not approved
    ├── LoopExhausted      a loop's condition did not hold after all its turns
    ├── BreakerOpen        the task's breaker is open, and `when_open="fail"`
    ├── AttemptTimeout     the attempt took longer than its timeout
    ├── WorkerDied         the worker process ended under the attempt
    ├── EnvFailed          the environment of a task cannot be built
    ├── CommandFailed      a command could not be started, or ended in failure
    ├── RequestFailed      a request got no answer, or a bad one
    └── Interrupted        the daemon died during an `at_most_once` attempt
"""

from __future__ import annotations

from collections.abc import Mapping

from triphammer.config.errors import TriphammerError


class FlowError(TriphammerError):
    """Root of the errors of flows."""


class GraphError(FlowError):
    """A flow file or body is wrong; `file` and `line` say where, the text what to do."""

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        place = f"{file}:{line}: " if file is not None else ""
        super().__init__(f"{place}{message}")
        self.message = message
        self.file = file
        self.line = line


class HandleError(GraphError, TypeError):
    """A handle or event field was used as a value while the graph is drawn."""


class CycleError(GraphError):
    """The graph has a circle."""


class ValueMisfit(FlowError, TypeError):
    """A value does not fit its annotation or cannot be stored; never retried."""


class ParamMisfit(ValueMisfit):
    """Parameters of a run are wrong; `faults` says of each by its name what."""

    where = "params"

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = dict(faults)


class FormMisfit(ParamMisfit):
    """What was filled into a form is wrong; `faults` says of each field by its name what."""

    where = "form"

    def __init__(self, faults: Mapping[str, str]) -> None:
        told = (f"{name}: {fault}" if name else fault for name, fault in faults.items())
        ValueMisfit.__init__(self, f"the form does not fit: {'; '.join(told)}")
        self.faults = dict(faults)


class DebuggerLeft(FlowError):
    """Whoever debugs a run has left the debugger: it does not go on."""


class UnknownTask(FlowError, LookupError):
    """A run has no task of this name; the message names one that is near."""


class TooLarge(FlowError):
    """A content is larger than is kept; `size` is how large it is at least."""

    def __init__(self, size: int) -> None:
        super().__init__(f"it is larger than is kept: at least {size} bytes")
        self.size = size


class ResourceFailed(FlowError):
    """A resource cannot be opened. `cause` is what its own code raised."""

    def __init__(self, name: str, error: BaseException) -> None:
        inner = isinstance(error, ResourceFailed)
        why = str(error) if inner else f"{type(error).__qualname__}: {error}"
        super().__init__(f"the resource {name} cannot be opened: {why}")
        self.cause: BaseException = error.cause if isinstance(error, ResourceFailed) else error


class NotInTask(FlowError, RuntimeError):
    """Something that only a running task has was used elsewhere."""


class Skip(FlowError):
    """Raised by a task: it ends as skipped, with the reason given, and is not tried again.

    What it asked to be sent or written is dropped, as with a failure.
    """


class Fail(FlowError):
    """Raised by a task: it has failed for good, whatever its `retries`."""


class TaskFailed(FlowError):
    """One attempt failed."""


class LoopExhausted(TaskFailed):
    """A loop's condition did not hold after all its turns."""


class WaitTimeout(TaskFailed):
    """What a task waited for has not come in time."""


class BreakerOpen(TaskFailed):
    """The task's circuit breaker is open: the attempt was not begun."""


class Rejected(TaskFailed):
    """Somebody has said no to what a task asked for, or nobody has answered in time."""


class AttemptTimeout(TaskFailed):
    """The attempt took longer than its timeout."""


class WorkerDied(TaskFailed):
    """The worker process ended while it carried the attempt out."""


class EnvFailed(TaskFailed):
    """The environment that a task is to run in cannot be built; the message has the installer's
    last lines."""


class CommandFailed(TaskFailed):
    """A command could not be started or ended with a code that is no success."""


class RequestFailed(TaskFailed):
    """An HTTP request was not answered, or not as it should be."""


class Interrupted(TaskFailed):
    """The daemon ended during an attempt that may run at most once."""
