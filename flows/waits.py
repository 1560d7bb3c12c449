"""What a flow waits for without holding anything: time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypedDict, Unpack

from triphammer.config.durations import DurationLike, seconds
from triphammer.config.errors import DurationError
from triphammer.flows.drawing import Drawing, drawing_now
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import Expr
from triphammer.flows.graph import Options, TaskSpec
from triphammer.flows.handle import Handle
from triphammer.flows.options import TriggerRule, apply_options
from triphammer.flows.places import user_place
from triphammer.flows.references import suggest
from triphammer.flows.surround import draw


class WaitOptions(TypedDict, total=False):
    """The keywords of `.options(...)` of a wait: see `TaskOptions`."""

    name: str
    when: Any
    trigger_rule: TriggerRule
    setup: Any
    teardown: Any
    on_success: Any
    on_failure: Any


class Waits:
    """A built-in task that is no attempt: it is over when what it waits for has come."""

    name: str

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def _with(self, given: Mapping[str, Any]) -> Options:
        for name in given:
            if name not in WaitOptions.__annotations__:
                known = suggest(name, WaitOptions.__annotations__)
                refuse(f"{self.name} has no option {name!r}{known}")
        return apply_options(self._options, given, is_async=True)

    def _drawing(self) -> Drawing:
        drawing = drawing_now()
        if drawing is None:
            refuse(f"{self.name}(...) belongs in a flow body: in a task it would hold a place")
        return drawing

    def _draw(self, **arguments: Any) -> Handle:
        spec = TaskSpec(
            name=self.name,
            kind=self.name,
            fn=_none,
            is_async=True,
            hints={},
            where=str(user_place()),
        )
        return draw(self._drawing(), spec, self._options, (), arguments)


class Sleep(Waits):
    """`sleep(...)`: waits for time to pass."""

    name = "sleep"

    def options(self, **options: Unpack[WaitOptions]) -> Sleep:
        """With these options: `sleep.options(name="settle")("5m")`."""
        return Sleep(self._with(options))

    def __call__(self, duration: DurationLike) -> Handle:
        """Be over after `duration`: seconds, a `timedelta`, a text such as "2 days", or a value
        of the run that is one.

        What comes behind it is ordered by `>>`: `sleep("2 days") >> remind(order)`. It holds no
        place of the run and survives restarts. Raises `GraphError`.
        """
        drawing = self._drawing()
        drawing.check([duration])
        if not isinstance(duration, Expr):
            _check_duration(duration, "sleep()")
        return self._draw(duration=duration)


def _check_duration(value: Any, what: str) -> None:
    try:
        seconds(value)
    except DurationError as error:
        refuse(f"{what}: {error}")


def _none() -> None:
    raise AssertionError("a wait is not called")


def refuse(message: str) -> NoReturn:
    """Raise `GraphError` at the user's line."""
    place = user_place()
    raise GraphError(message, place.file, place.line)


sleep = Sleep()
