"""Flows: functions whose bodies are run once, at load, to draw a graph."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import PurePath
from typing import (
    Any,
    Generic,
    Literal,
    NoReturn,
    ParamSpec,
    TypeVar,
    Unpack,
    get_args,
    overload,
)
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from triphammer.config.durations import DurationLike
from triphammer.config.errors import PatternError
from triphammer.config.patterns import compile_pattern
from triphammer.config.source import Source
from triphammer.flows.drawing import Drawing, drawing_now
from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.errors import FlowError, GraphError
from triphammer.flows.graph import Graph, Options, Param
from triphammer.flows.handle import Handle
from triphammer.flows.kinds import is_array
from triphammer.flows.mapped import FlowMap, FlowOptions
from triphammer.flows.notify import Channel, channels_of
from triphammer.flows.options import option
from triphammer.flows.parameters import EventType, event_type, parameters
from triphammer.flows.places import Place, raising_place, user_place
from triphammer.flows.references import EventRef, ParamRef, is_event, suggest
from triphammer.flows.signatures import check_call, hints_of, place_of
from triphammer.flows.surround import enclose, handle_end
from triphammer.flows.task import refuse_uncalled

P = ParamSpec("P")
R = TypeVar("R")
Mode = Literal["parallel", "queue", "single", "restart"]
Fill = Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]


class Flow(Generic[P, R]):
    """What `@flow` makes of a function: a task graph with its subscriptions.

    In the body of another flow a call draws this one's tasks into that graph, named below
    this flow's name (a sub-flow in the same run).
    """

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        on: tuple[Source, ...],
        name: str,
        mode: Mode | None,
        max_runs: int | None,
        params: Fill,
        timezone: str | None,
        order_by: str | None = None,
        per: str | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        notify: tuple[Channel, ...] | None = None,
        around: Options | None = None,
        env: EnvSpec | None = None,
    ) -> None:
        self._fn = fn
        self.env = env
        self._around = around or Options()
        self._params = params
        self.on = on
        self.name = name
        self.mode: Mode = mode or default_mode(on, per)
        self.max_runs = max_runs
        self.timezone = timezone
        self.order_by = order_by
        self.per = per
        self.timeout = timeout
        self.deadline = deadline
        self.notify = notify
        self.place = place_of(fn)
        self.module = fn.__module__
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn

    @property
    def fn(self) -> Callable[P, R]:
        """The undecorated body."""
        return self._fn

    @cached_property
    def signature(self) -> inspect.Signature:
        """The body's own signature."""
        return inspect.signature(self._fn)

    @cached_property
    def hints(self) -> Mapping[str, Any]:
        """The resolved annotations of the body. Raises `GraphError`."""
        return hints_of(self._fn)

    @property
    def takes_event(self) -> bool:
        """Whether the body names `event`."""
        return "event" in self.signature.parameters

    @cached_property
    def event_type(self) -> EventType:
        """How the body annotates its event: `Event[Order]`."""
        return event_type(self.hints.get("event"))

    @cached_property
    def params(self) -> Mapping[str, Param]:
        """The parameters by name. Raises `GraphError` for one that cannot be a parameter."""
        return parameters(self.name, self.signature, self.hints, self.place)

    @cached_property
    def fill(self) -> Mapping[str, Any]:
        """Templates over the event for parameters, from `params=`. Raises `GraphError`."""
        given = self._params(self._event_ref()) if callable(self._params) else self._params
        for name in given:
            if name not in self.params:
                self._refuse(f"params= names {name!r}{suggest(name, self.params)}")
        return given

    @cached_property
    def graph(self) -> Graph:
        """The graph: the body is run once, at the first look. Raises `GraphError`."""
        drawing = Drawing()
        known: dict[str, Any] = {name: ParamRef(name) for name in self.params}
        if self.takes_event:
            known["event"] = self._event_ref()
        result = self._draw(drawing, known)
        return drawing.finish(result)

    def run(self, **params: Any) -> Any:
        """Run here and now, without a daemon, and return the result.

        The store is in memory; outgoing messages are not sent. Raises `FlowError` when the
        run fails.
        """
        found = entry_points(group="triphammer.runners", name="local")
        if not found:
            raise FlowError("no runner is installed: install triphammer, then flow.run() works")
        return found["local"].load()(self, params)

    def __call__(self, *args: Any, **kwargs: Any) -> Handle:
        """In a flow body: draw this flow's tasks into it. Elsewhere raises `GraphError`."""
        drawing = drawing_now()
        if drawing is None:
            place = user_place()
            message = f"{self.name} is a flow: to run it here and now write {self.name}.run(...)"
            raise GraphError(message, place.file, place.line)
        known = self.bind(args, kwargs)
        before = set(drawing.names)
        result = self._draw(drawing, known)
        drawn = [name for name in drawing.names if name not in before]
        return Handle(self.name, result, drawing.ends(drawn))

    def options(self, **options: Unpack[FlowOptions]) -> FlowMap:
        """This flow with options, for `.map(...)` in the body of another."""
        return FlowMap(self).options(**options)

    def partial(self, **fixed: Any) -> FlowMap:
        """This flow with some parameters fixed, for `.map(...)` in the body of another."""
        return FlowMap(self).partial(**fixed)

    def map(self, *collections: Any) -> Handle:
        """In the body of another flow: this one for each item. See `FlowMap.map`."""
        return FlowMap(self).map(*collections)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a sub-flow by name; the event of the run where none is given.

        Raises `GraphError` where they do not fit.
        """
        signature = self.signature
        given = dict(kwargs)
        known = {"event": given.pop("event", self._event_ref())} if self.takes_event else {}
        if known and not any(is_event(arg) for arg in args):
            rest = [p for p in signature.parameters.values() if p.name != "event"]
            signature = signature.replace(parameters=rest)
        check_call(self.name, signature, args, given, user_place())
        bound = signature.bind(*args, **given)
        bound.apply_defaults()
        refuse_uncalled(list(bound.arguments.values()))
        return {**known, **bound.arguments}

    def draw_inside(self, drawing: Drawing, known: Mapping[str, Any]) -> Any:
        """Draw this flow's tasks as the body of a node; what it returns."""
        return self._draw(drawing, known, mark="")

    def _draw(self, drawing: Drawing, known: Mapping[str, Any], mark: str = "/") -> Any:
        body: Callable[..., Any] = self._fn
        before = len(drawing.names)
        with drawing.body(self, self.name, mark=mark, env=self.env):
            try:
                result = body(**known)
                refuse_uncalled([result], self.place)
                self._surround(drawing, before, result)
            except GraphError:
                raise
            # Seam to user code: a body may raise anything, and that is an error of its file.
            except Exception as error:
                place = raising_place(error.__traceback__)
                message = f"the body of {self.name} raised {type(error).__name__}: {error}"
                raise GraphError(message, place.file, place.line) from error
        return result

    def _surround(self, drawing: Drawing, before: int, result: Any) -> None:
        """Draw the setups, teardowns and handlers of the flow around its tasks."""
        around = self._around
        enclose(drawing, drawing.names[before:], around.setup, around.teardown)
        handle_end(drawing, drawing.names[before:], around, result, body=True)

    def _event_ref(self) -> EventRef:
        return EventRef(self.event_type.kind, self.event_type.data)

    def _refuse(self, message: str) -> NoReturn:
        raise GraphError(f"{self.name}: {message}", self.place.file, self.place.line)

    def __repr__(self) -> str:
        return f"<flow {self.name}>"


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...


@overload
def flow(
    *,
    on: Source | Sequence[Source] | None = None,
    name: str | None = None,
    mode: Mode | None = None,
    max_runs: int | None = None,
    params: Fill | None = None,
    timezone: str | None = None,
    order_by: str | None = None,
    per: str | None = None,
    timeout: DurationLike | None = None,
    deadline: DurationLike | None = None,
    setup: Any = None,
    teardown: Any = None,
    on_success: Any = None,
    on_failure: Any = None,
    notify: Channel | Sequence[Channel] | None = None,
    env: str | PurePath | EnvSpec | None = None,
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...


def flow(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    on: Source | Sequence[Source] | None = None,
    name: str | None = None,
    mode: Mode | None = None,
    max_runs: int | None = None,
    params: Fill | None = None,
    timezone: str | None = None,
    order_by: str | None = None,
    per: str | None = None,
    timeout: DurationLike | None = None,
    deadline: DurationLike | None = None,
    setup: Any = None,
    teardown: Any = None,
    on_success: Any = None,
    on_failure: Any = None,
    notify: Channel | Sequence[Channel] | None = None,
    env: str | PurePath | EnvSpec | None = None,
) -> Any:
    """Make a flow of a function whose body calls tasks.

    `on` is a source or several (any of them); without one the flow is started by hand only.
    `mode` says what a run does that finds another under way: "parallel" (default) runs beside it,
    up to `max_runs`; "queue" waits for it; "single" is not begun, and the event's disposition
    says so, but ticks of timers and runs asked for by hand wait (the default for flows on
    timers only); "restart" takes over: the other is cancelled, and has ended, before it
    begins. `per` is a path into the event ("data.customer"): only runs of one value there
    exclude each other ("queue" if no mode is named), up to `max_runs` in all; events without
    a value there exclude nobody. `params` fills parameters from the event:
    `{"env": event.data["env"]}` with `from triphammer import event`, or a function of the
    event. `timezone` (IANA) is that of the flow's timers.

    A run that takes longer than `timeout` from its beginning ends as failed; one that takes
    longer than `deadline` is told of once, by an event `triphammer.run.late`, and goes on.

    `order_by` is a path into the event ("subject", "data.customer"):
    runs of one value there go one after the other in the order of their events, and those
    behind a failed one wait until it is redriven or skipped; events without a value there
    wait for nobody. `setup` is a task that must succeed before all others, `teardown` one that
    runs after all others, however they ended, if the setup had succeeded. `on_success` and
    `on_failure` are tasks that run, as part of the run, once its state is certain; they take
    nothing, or the result or error. `notify` says who is told of a failure, of a run that is late,
    and of the first success after a failure: `to_slack`, `to_email`, `to_webhook`; without it
    whom `[notify]` names.

    `env` is a folder with a `requirements.txt` or `pyproject.toml`, or `python_env([...])`: the
    flow's own tasks that do not say where they run do so in processes of that environment.
    Raises `GraphError` at the user's line.
    """
    place = user_place()
    sources = _sources(on, place)
    _check_settings(mode, max_runs, timezone, place)
    _check_path("order_by", order_by, place)
    _check_path("per", per, place)
    _check_together(mode, max_runs, order_by, per, place)
    limits = option("timeout", timeout, place), option("deadline", deadline, place)
    channels = channels_of(notify, place)
    own: EnvSpec | None = option("env", env, place)
    names = {"setup": setup, "teardown": teardown, "on_success": on_success}
    names["on_failure"] = on_failure
    around = Options(**{name: option(name, given, place) for name, given in names.items()})

    def decorate(fn: Callable[..., Any]) -> Flow[..., Any]:
        _check_body(fn, place)
        return Flow(
            fn,
            on=sources,
            name=_flow_name(name or fn.__name__, place),
            mode=mode,
            max_runs=max_runs,
            params={} if params is None else params,
            timezone=timezone,
            order_by=order_by,
            per=per,
            timeout=limits[0],
            deadline=limits[1],
            notify=channels,
            around=around,
            env=own,
        )

    return decorate if fn is None else decorate(fn)


def default_mode(on: Sequence[Source], per: str | None = None) -> Mode:
    """`single` for flows on timers only: a late tick waits for the one before it."""
    if per is not None:
        return "queue"
    return "single" if on and all(source.kind == "timer" for source in on) else "parallel"


def _sources(on: Any, place: Place) -> tuple[Source, ...]:
    if on is None:
        return ()
    sources: tuple[Any, ...] = tuple(on) if is_array(on) else (on,)
    for source in sources:
        if not isinstance(source, Source):
            _wrong(f"on= takes sources such as files(...), every(...), not {source!r}", place)
    return sources


def _check_settings(mode: Any, max_runs: Any, timezone: Any, place: Place) -> None:
    if mode is not None and mode not in get_args(Mode):
        _wrong(f"mode={mode!r}: must be one of {', '.join(map(repr, get_args(Mode)))}", place)
    if max_runs is not None and (not isinstance(max_runs, int) or max_runs < 1):
        _wrong(f"max_runs={max_runs!r}: must be a whole number, 1 or more", place)
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
            _wrong(f"timezone={timezone!r}: no such time zone; write 'Europe/Berlin'", place)


def _check_path(name: str, path: Any, place: Place) -> None:
    if path is None:
        return
    parts = path.split(".") if isinstance(path, str) else [""]
    if not all(parts) or parts == ["headers"]:
        _wrong(
            f"{name}={path!r}: must be a path into the event, such as 'subject', "
            "'data.customer' or 'headers.x-tenant'",
            place,
        )
    pattern: Any = [{"exists": True}]
    for part in reversed(parts):
        pattern = {part: pattern}
    try:  # a path that leads nowhere would order nothing, and nobody would notice
        compile_pattern(pattern)
    except PatternError as error:
        _wrong(f"{name}={path!r}: {error}", place)


def _check_together(mode: Any, max_runs: Any, order_by: Any, per: Any, place: Place) -> None:
    """Settings that say something about each other."""
    if per is not None and order_by is not None:
        _wrong("order_by= and per= both say which runs wait for each other: give one", place)
    if per is not None and mode == "parallel":
        _wrong("per= with mode='parallel': give 'queue', 'single' or 'restart'", place)
    if mode in ("single", "restart") and per is None and max_runs not in (None, 1):
        _wrong(f"max_runs={max_runs} with mode={mode!r}: one run at a time, or give per=", place)


def _check_body(fn: Any, place: Place) -> None:
    if isinstance(fn, Flow):
        _wrong(f"{fn!r} is a flow already", place)
    if not inspect.isfunction(fn):
        _wrong(f"@flow got {fn!r}: put it above a function; settings are keywords", place)
    if inspect.iscoroutinefunction(fn):
        _wrong(f"{fn.__name__} is async: a flow body only draws the graph, write plain def", place)
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        _wrong(f"{fn.__name__} is a generator: a flow body only draws the graph", place)


def _flow_name(name: Any, place: Place) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[^\s/\[\]:,*<>]+", name):
        _wrong(f"name={name!r}: a flow's name is a text without spaces or / [ ] : , * < >", place)
    return name


def _wrong(message: str, place: Place) -> NoReturn:
    raise GraphError(message, place.file, place.line)
