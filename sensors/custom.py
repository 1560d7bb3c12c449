"""`@sensor`: a function of the user's that is asked for news, with a durable cursor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self

import anyio
import msgspec
from anyio.abc import TaskStatus

from triphammer.config.durations import DurationLike, parse_duration
from triphammer.config.errors import DurationError
from triphammer.config.source import SensorSpec, Source
from triphammer.sensors.contract import Emission, SensorContext
from triphammer.sensors.errors import SensorError, SourceError
from triphammer.sensors.returned import Returned, read_returned

POSITION = "cursor"
SHORTEST = timedelta(milliseconds=10)
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class CustomSource(Source):
    """What `@sensor` makes of a function: a source for `on=`, with the function as `fn`."""

    @property
    def fn(self) -> Function:
        """The undecorated function, for unit tests."""
        function: Function = self.options["function"]
        return function


def sensor(*, every: DurationLike, name: str | None = None) -> Callable[[Function], CustomSource]:
    """Ask the decorated function for events, `every` so often, from the start on.

    It is a coroutine or a plain function that takes the cursor (None at first) or nothing and
    returns a list of events, or `(events, cursor)`. Events are `Event` or mappings with
    `type`, `data`, `subject`, `id`, `time`, `source`. The cursor is any JSON value; it is
    stored together with the events, and given to the next call. Raises SourceError.
    """

    def decorate(function: Function) -> CustomSource:
        place = place_of(function)
        known = name or str(getattr(function, "__name__", "sensor"))
        options = {
            "function": function,
            "every": _period(every, place) // timedelta(microseconds=1),
            "takes_cursor": _takes_cursor(function, place),
            "place": place,
        }
        return CustomSource(
            kind="custom",
            name=known,
            options=options,
            match={"sensor": [known]},
            text=f"@sensor {known} ({place})",
        )

    return decorate


def place_of(function: Function) -> str:
    """`file:line` of a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)


class CustomSensor:
    """Calls one function again and again. A call that fails, ends it: it is then restarted."""

    kind: ClassVar[str] = "custom"

    def __init__(self, context: SensorContext) -> None:
        self._context = context
        self._name = context.spec.name
        options = context.spec.options
        self._function: Function = options["function"]
        self._period: int = options["every"]
        self._takes_cursor: bool = options["takes_cursor"]
        self._place: str = options["place"]

    @classmethod
    def merge(cls, specs: Sequence[SensorSpec]) -> SensorSpec:
        """The one sensor of a name. Raises SourceError when two functions share it."""
        first = specs[0]
        for other in specs[1:]:
            if other.options["place"] != first.options["place"]:
                raise SourceError(
                    f"two sensors are named {first.name!r}: {first.options['place']} and"
                    f" {other.options['place']}; give one @sensor(..., name=...)"
                )
        return first

    @classmethod
    def build(cls, context: SensorContext) -> Self:
        return cls(context)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Call, store, wait. Raises SensorError when the function fails or returns nonsense."""
        clock = self._context.clock
        stored = (await self._context.positions()).get(POSITION)
        cursor: Any = None if stored is None else msgspec.json.decode(stored)
        began = clock.now()
        cursor = await self._ask(cursor)
        self._context.ready(None)
        task_status.started()
        while True:
            await self._pause(began + self._period)
            began = clock.now()
            cursor = await self._ask(cursor)

    async def _pause(self, due: int) -> None:
        """Wait for `due`, and never longer than the period, should the clock be set back."""
        with anyio.move_on_after(self._period / 1e6):
            await self._context.clock.wait_until(due)

    async def _ask(self, cursor: Any) -> Any:
        """One call, its events and its cursor in one transaction; the cursor to go on with."""
        returned = await self._call(cursor)
        positions: dict[str, str | None] = {}
        if returned.moved:
            positions[POSITION] = msgspec.json.encode(returned.cursor).decode()
            cursor = msgspec.json.decode(positions[POSITION] or "null")
        if returned.events or positions:
            await self._context.emit(Emission(events=returned.events, positions=positions))
        return cursor

    async def _call(self, cursor: Any) -> Returned:
        arguments = [cursor] if self._takes_cursor else []
        try:
            value = await self._context.call(self._function, *arguments)
        # Seam to the user's code: whatever it raises becomes the reason why this sensor is
        # not ready.
        except Exception as error:
            self._context.log.exception("sensor %s (%s)", self._name, self._place)
            raise SensorError(
                f"sensor {self._name} ({self._place}) raised {type(error).__name__}: {error}"
            ) from error
        return read_returned(value, self._name, self._place, self._context.clock.now())


def _period(every: DurationLike, place: str) -> timedelta:
    try:
        period = parse_duration(every)
    except DurationError as error:
        raise SourceError(f"{place}: @sensor(every=...): {error}") from error
    if period < SHORTEST:
        raise SourceError(f"{place}: @sensor(every={every!r}): at least 10 ms")
    return period


def _takes_cursor(function: Function, place: str) -> bool:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise SourceError(f"{place}: a @sensor returns its events as a list, it does not yield")
    needed = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    required = [p for p in needed if p.default is p.empty]
    if len(required) > 1:
        names = ", ".join(p.name for p in required)
        raise SourceError(f"{place}: a @sensor takes the cursor or nothing, not ({names})")
    return bool(needed)
