"""Tasks: functions whose calls in a flow body draw nodes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, Unpack, overload

import msgspec

from triphammer.flows.drawing import Drawing, drawing_now
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import Expr
from triphammer.flows.graph import Options, TaskSpec
from triphammer.flows.handle import Handle, chain
from triphammer.flows.kinds import is_array
from triphammer.flows.options import MAP_ONLY, OPTION_NAMES, TaskOptions, apply_options
from triphammer.flows.places import Place, user_place
from triphammer.flows.resource import check_plain, uses_of
from triphammer.flows.signatures import check_call, check_names, hints_of, place_of
from triphammer.flows.surround import draw

__all__ = ["Task", "TaskCall", "chain", "task"]

P = ParamSpec("P")
R = TypeVar("R")


class TaskCall(Generic[P, R]):
    """A task with options for one call, or with some arguments fixed for a map."""

    def __init__(
        self, task: Task[P, R], options: Options, given: frozenset[str], fixed: Mapping[str, Any]
    ) -> None:
        self._task = task
        self._options = options
        self._given = given
        self._fixed = fixed

    def options(self, **options: Unpack[TaskOptions]) -> TaskCall[P, R]:
        """This call with these options as well. Raises `GraphError`."""
        changed = apply_options(self._options, options, is_async=self._task.is_async)
        return TaskCall(self._task, changed, self._given | set(options), self._fixed)

    def partial(self, **fixed: Any) -> TaskCall[P, R]:
        """This call with these arguments fixed: each item of a `.map` gets them."""
        return TaskCall(self._task, self._options, self._given, {**self._fixed, **fixed})

    def __call__(self, *args: Any, **kwargs: Any) -> Handle:
        """Draw one node. Raises `GraphError` outside a flow body or when it does not fit."""
        drawing = self._drawing()
        for name in sorted(self._given & MAP_ONLY):
            _refuse(f"{name}= is for maps: write {self._name}.options({name}=...).map(...)")
        everything = {**self._fixed, **kwargs}
        self._check(args, everything)
        return self._draw(drawing, args, everything, mapped=False)

    def map(self, *collections: Any) -> Handle:
        """Draw one node that runs once for each item; several collections are zipped.

        With `.options(cross=True)` every item meets every other. A collection is a list, a
        tuple, a range, a handle or a field. Raises `GraphError`.
        """
        drawing = self._drawing()
        if not collections:
            _refuse(f"{self._name}.map() needs something to map over: .map(items)")
        columns = tuple(mapped_over(self._name, column) for column in collections)
        self._check(columns, self._fixed)
        return self._draw(drawing, columns, self._fixed, mapped=True)

    def map_kwargs(self, rows: Any) -> Handle:
        """Draw one node that runs once for each of `rows`, mappings of arguments by name.

        What is the same for all is fixed by `.partial(...)`. `rows` is a list, a handle or a field.
        Raises `GraphError`.
        """
        drawing = self._drawing()
        column = mapped_over(self._name, rows)
        check_names(self._name, self._task.signature, self._fixed, user_place())
        refuse_uncalled([column, *self._fixed.values()])
        options = msgspec.structs.replace(self._options, by_name=True)
        return draw(drawing, self._task.spec, options, (column,), self._fixed, mapped=True)

    def draw_as(self, args: tuple[Any, ...], body: Callable[[str], None]) -> Handle:
        """Draw one node, and by `body` what is inside it."""
        drawing = self._drawing()
        self._check(args, self._fixed)
        spec = self._task.spec
        return draw(drawing, spec, self._options, args, self._fixed, body=body)

    @property
    def signature(self) -> inspect.Signature:
        """What is left to be given of the function's own signature."""
        whole = self._task.signature
        left = [p for p in whole.parameters.values() if p.name not in self._fixed]
        return whole.replace(parameters=left)

    @property
    def hints(self) -> Mapping[str, Any]:
        """The function's annotations."""
        return self._task.hints

    def __repr__(self) -> str:
        return repr(self._task)

    @property
    def _name(self) -> str:
        return self._task.name

    def _drawing(self) -> Drawing:
        drawing = drawing_now()
        if drawing is None:
            _refuse(
                f"{self._name} is a task: calling it draws a node in a @flow body. To call the "
                f"function itself write {self._name}.fn(...)"
            )
        return drawing

    def _check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        check_call(self._name, self._task.signature, args, kwargs, user_place(), OPTION_NAMES)
        refuse_uncalled([*args, *kwargs.values()])

    def _draw(
        self, drawing: Drawing, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, mapped: bool
    ) -> Handle:
        return draw(drawing, self._task.spec, self._options, args, kwargs, mapped=mapped)


class Task(Generic[P, R]):
    """What `@task` makes of a function. In a flow body a call draws a node."""

    def __init__(self, fn: Callable[P, R], given: Mapping[str, Any]) -> None:
        self._fn = fn
        self.is_async = inspect.iscoroutinefunction(fn)
        check_plain(getattr(fn, "__name__", "a task"), self.is_async, uses_of(fn).values())
        options = apply_options(Options(), given, is_async=self.is_async)
        # A task's own name may be used by several calls: load, load_2.
        self.name = options.name or _function_name(fn)
        self._call: TaskCall[P, R] = TaskCall(self, _unnamed(options), frozenset(), {})
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn

    @property
    def fn(self) -> Callable[P, R]:
        """The undecorated function, for unit tests and for calls from other tasks."""
        return self._fn

    @cached_property
    def signature(self) -> inspect.Signature:
        """The function's own signature."""
        return inspect.signature(self._fn)

    @property
    def hints(self) -> Mapping[str, Any]:
        """The function's resolved annotations. Raises `GraphError`."""
        return self.spec.hints

    @cached_property
    def spec(self) -> TaskSpec:
        """What a node of this task calls. Raises `GraphError` for an unknown annotation."""
        return TaskSpec(
            name=self.name,
            kind="task",
            fn=self._fn,
            is_async=self.is_async,
            hints=hints_of(self._fn),
            where=str(place_of(self._fn)),
            uses=uses_of(self._fn),
        )

    def options(self, **options: Unpack[TaskOptions]) -> TaskCall[P, R]:
        """This task with other options for one call: `load.options(retries=5)(rows)`."""
        return self._call.options(**options)

    def partial(self, **fixed: Any) -> TaskCall[P, R]:
        """This task with some arguments fixed: `enrich.partial(region="eu").map(rows)`."""
        return self._call.partial(**fixed)

    def map(self, *collections: Any) -> Handle:
        """One task per item: see `TaskCall.map`."""
        return self._call.map(*collections)

    def map_kwargs(self, rows: Any) -> Handle:
        """One task per mapping of arguments: see `TaskCall.map_kwargs`."""
        return self._call.map_kwargs(rows)

    def __call__(self, *args: Any, **kwargs: Any) -> Handle:
        """Draw a node of this task; only the function's own arguments are taken."""
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<task {self.name}>"


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(fn: Callable[..., Any] | None = None, /, **options: Unpack[TaskOptions]) -> Any:
    """Make a task of a function: a coroutine function, or a plain one that runs in a thread.

    `@task` or `@task(retries=3, backoff="exponential", timeout="30s")`; the keywords are those
    of `TaskOptions`. Raises `GraphError` at the user's line.
    """

    def decorate(fn: Callable[..., Any]) -> Task[..., Any]:
        _check_function(fn)
        return Task(fn, options)

    return decorate if fn is None else decorate(fn)


def refuse_uncalled(values: list[Any], place: Place | None = None) -> None:
    """Raise `GraphError` (at `place`) for a task that is passed on instead of called."""
    for value in values:
        if isinstance(value, (Task, TaskCall)):
            name = value.name if isinstance(value, Task) else "task"
            _refuse(f"{value!r} is passed without a call: write {name}(...)", place)


def _check_function(fn: Any) -> None:
    if isinstance(fn, (Task, TaskCall)):
        _refuse(f"{fn!r} is a task already")
    if not callable(fn):
        _refuse(f"@task got {fn!r}: put it above a function; options are keywords")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        _refuse(f"{fn.__name__} is a generator: a task returns its result, return a list")


def _function_name(fn: Callable[..., Any]) -> str:
    name: str = getattr(fn, "__name__", "")
    if not name.isidentifier():
        _refuse(f'{fn!r} has no name to go by: write task(name="...")(...)')
    return name


def _unnamed(options: Options) -> Options:
    return Options(**{f: getattr(options, f) for f in Options.__struct_fields__ if f != "name"})


def mapped_over(name: str, value: Any) -> Any:
    """A collection to map over. Raises `GraphError` for what can never be one."""
    if isinstance(value, range):
        return list(value)
    if not isinstance(value, Expr) and not is_array(value):
        _refuse(f"{name}.map() got {value!r}: it maps over a list, a tuple, a range or a handle")
    return value


def _refuse(message: str, place: Place | None = None) -> NoReturn:
    place = user_place() if place is None else place
    raise GraphError(message, place.file, place.line)
