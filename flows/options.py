"""The keywords of `@task(...)` and `.options(...)`: checked, and normalised to `Options`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from math import inf
from pathlib import PurePath
from typing import Any, Literal, TypedDict, get_args

import msgspec

from triphammer.config.durations import DurationLike, seconds
from triphammer.config.errors import DurationError
from triphammer.flows.breaker import Breaker, parse_breaker
from triphammer.flows.conditions import condition
from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.errors import GraphError
from triphammer.flows.executors.registry import executor_names, missing_package
from triphammer.flows.expr import Expr
from triphammer.flows.graph import IN_ENV, Backoff, Options
from triphammer.flows.kinds import is_array
from triphammer.flows.places import Place, user_place
from triphammer.flows.references import suggest

TriggerRule = Literal[
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_done_setup_success",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
]
"""Airflow's names, with Airflow's meanings."""

TRIGGER_RULES: tuple[str, ...] = get_args(TriggerRule)

MAP_ONLY = frozenset({"max_parallel", "errors", "cross"})
"""Keywords that only say something about `.map(...)`."""


ErrorTypes = type[BaseException] | str | Sequence[type[BaseException] | str]


class TaskOptions(TypedDict, total=False):
    """The keywords of `@task(...)` and `.options(...)`.

    `retries` counts attempts after the first. `backoff` is "exponential", "linear",
    "constant", a duration (that wait each time) or a `Backoff`. `rate` is "50/s", "100/m" or
    "10/h" over all runs together. `executor` says where the body runs: "process", "dask" or a
    plug-in's name; None: "async" for coroutines, "thread" for plain functions. Durations:
    seconds, `timedelta` or text such as "1m30s". `env` is a folder with a `requirements.txt` or
    `pyproject.toml`, or `python_env([...])`: the body runs in a process of that environment.

    An attempt holds `slots` of the `pool` that `[pools]` in the settings names; of those that
    wait for it the one of the highest `priority` begins first, and a minute of waiting is worth
    one step. `retry_on` are the only types of errors that are tried again, `never_retry` those
    that are not: classes, or names such as "httpx.TransportError". `breaker` is "5 in 1m", or a
    `breaker(...)`: after so many failed attempts within that time, in all runs, attempts wait
    until one that is let through now and then succeeds.

    `cache` takes a result that was found before, at most so long ago (True: as long as its run is
    kept), with the same code, arguments and packages, in place of running; `cache_key` is a
    function of the task's arguments whose result counts in their place.

    `setup` and `teardown` are tasks, or calls of tasks: the first must succeed before this one
    begins, the second runs once this one has ended, however that was. True says that this task
    is itself a setup or teardown. `on_success` and `on_failure` are tasks that run when this one
    has succeeded or failed for good; they take nothing, or the result or error.
    """

    name: str
    retries: int
    backoff: Literal["exponential", "linear", "constant"] | DurationLike | Backoff
    timeout: DurationLike | None
    when: Any
    trigger_rule: TriggerRule
    executor: str | None
    env: str | PurePath | EnvSpec | None
    at_most_once: bool
    max_parallel: int
    rate: str | float | None
    errors: Literal["fail", "skip", "collect"]
    pool: str | None
    slots: int
    priority: int
    retry_on: ErrorTypes
    never_retry: ErrorTypes
    breaker: str | Breaker | None
    cache: bool | DurationLike | None
    cache_key: Callable[..., Any] | None
    cross: bool
    wait: Literal["delivered"] | None
    setup: Any
    teardown: Any
    on_success: Any
    on_failure: Any


OPTION_NAMES = frozenset(TaskOptions.__annotations__)


def apply_options(base: Options, given: Mapping[str, Any], *, is_async: bool) -> Options:
    """`base` with the keywords `given`. Raises `GraphError` at the user's line."""
    place = user_place()
    changes = {name: option(name, value, place) for name, value in given.items()}
    options = msgspec.structs.replace(base, **changes)
    _check_executor(options, place, is_async=is_async)
    _check_pool(options, given, place)
    if options.cache_key is not None and options.cache is None:
        raise GraphError("cache_key= is about a cache: give cache= too", place.file, place.line)
    return options


def option(name: str, value: Any, place: Place) -> Any:
    """One keyword's normalised value. Raises `GraphError` at `place`."""
    normalise = _NORMAL.get(name)
    if normalise is None:
        raise GraphError(
            f"there is no option {name!r}{suggest(name, OPTION_NAMES)}", place.file, place.line
        )
    try:
        return normalise(value)
    except (_Wrong, DurationError) as error:
        message = f"{name}={value!r}: {error}"
        raise GraphError(message, place.file, place.line) from error


class _Wrong(Exception):
    """What an option must be."""


def _name(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[^\s/\[\]]+", value):
        return value
    raise _Wrong("a name is a text without spaces and without / [ ]")


def _count(least: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        raise _Wrong(f"must be a whole number, {least} or more")

    return check


def _one_of(*allowed: Any) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if any(value is one or (isinstance(value, str) and value == one) for one in allowed):
            return value
        near = suggest(value, allowed) if isinstance(value, str) else ""
        raise _Wrong(f"must be one of {', '.join(map(repr, allowed))}{near}")

    return check


def _timeout(value: Any) -> float | None:
    if value is None:
        return None
    limit = seconds(value)
    if limit <= 0:
        raise _Wrong("must be longer than nothing")
    return limit


def _backoff(value: Any) -> Backoff:
    if isinstance(value, Backoff):
        return value
    if value in ("exponential", "linear", "constant"):
        return Backoff(kind=value)
    if isinstance(value, (str, int, float, timedelta)) and not isinstance(value, bool):
        first = _wait(value)
        return Backoff(kind="constant", first=first, cap=max(first, Backoff().cap), jitter=False)
    raise _Wrong(_BACKOFF)


_BACKOFF = "must be 'exponential', 'linear', 'constant', a duration or a Backoff"


def _wait(value: DurationLike) -> float:
    try:
        return seconds(value)
    except DurationError as error:
        raise _Wrong(_BACKOFF) from error


_PER = {"s": 1, "m": 60, "h": 3600}


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*([smh])\s*", str(value))
    if found is None or float(found[1]) <= 0:
        raise _Wrong('must be such as "50/s", "100/m" or "10/h"')
    return float(found[1]) / _PER[found[2]]


def _breaker(value: Any) -> Breaker | None:
    if value is None or isinstance(value, Breaker):
        return value
    try:
        return parse_breaker(value)
    except ValueError as error:
        raise _Wrong(str(error)) from error


def _cache(value: Any) -> float | None:
    if value is None or value is False:
        return None
    return inf if value is True else _timeout(value)


def _cache_key(value: Any) -> Callable[..., Any] | None:
    if value is not None and not callable(value):
        raise _Wrong("must be a function of the task's arguments")
    key: Callable[..., Any] | None = value
    return key


def _executor(value: Any) -> str | None:
    if value is None:
        return None
    known: str = _one_of(*executor_names())(value)
    if (missing := missing_package(known)) is not None:
        raise _Wrong(f"it needs an extra: pip install '{missing}'")
    return known


def _env(value: Any) -> EnvSpec | None:
    if value is None or isinstance(value, EnvSpec):
        return value
    if not isinstance(value, (str, PurePath)) or not str(value):
        raise _Wrong('must be a folder such as "envs/train", or python_env(["pandas==2.2"])')
    folder = PurePath(value)
    if folder.is_absolute() or ".." in folder.parts:
        raise _Wrong("must be a folder below the project's root")
    return EnvSpec(folder=folder.as_posix())


def _check_executor(options: Options, place: Place, *, is_async: bool) -> None:
    wrong = {"thread": is_async, "async": not is_async}
    if options.executor is not None and wrong.get(options.executor, False):
        kind = "a coroutine function" if is_async else "a plain function"
        message = f"executor={options.executor!r} cannot run {kind}: leave executor= out"
        raise GraphError(message, place.file, place.line)
    if options.env is not None and options.executor not in (None, IN_ENV):
        message = f"env= runs a task in a process: leave executor={options.executor!r} out"
        raise GraphError(message, place.file, place.line)


def _check_pool(options: Options, given: Mapping[str, Any], place: Place) -> None:
    for name in ("slots", "priority"):
        if name in given and options.pool is None:
            message = f"{name}={given[name]!r}: it is about a pool: give pool= too"
            raise GraphError(message, place.file, place.line)


def _pool(value: Any) -> str | None:
    return None if value is None else _name(value)


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _Wrong("must be a whole number; the higher, the sooner")


def _error_types(value: Any) -> tuple[str, ...]:
    given: tuple[Any, ...] = tuple(value) if is_array(value) else (value,)
    return tuple(map(_error_type, given))


def _error_type(value: Any) -> str:
    if isinstance(value, type) and issubclass(value, BaseException):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, str) and all(part.isidentifier() for part in value.split(".")):
        return value
    raise _Wrong('must be classes of exceptions, or names such as "httpx.TransportError"')


def _around(value: Any) -> tuple[Any, ...]:
    return (True,) if value is True else around(value)


def around(value: Any) -> tuple[Any, ...]:
    """Setups or teardowns: tasks, calls of tasks, or several. Raises `GraphError`."""
    return _several(value, "a task, a call of a task, or a list of them")


def handlers(value: Any) -> tuple[Any, ...]:
    """Handlers: tasks, or functions that draw some. Raises `GraphError`."""
    found = _several(value, "a task (not called) or a list of tasks")
    for one in found:
        if isinstance(one, Expr):
            raise _Wrong("a handler is a task that is not called yet: it is given the outcome")
    return found


def _several(value: Any, what: str) -> tuple[Any, ...]:
    if value is None:
        return ()
    found: tuple[Any, ...] = tuple(value) if is_array(value) else (value,)
    if not all(isinstance(one, Expr) or callable(one) for one in found):
        raise _Wrong(f"must be {what}")
    return found


_NORMAL: Mapping[str, Callable[[Any], Any]] = {
    "name": _name,
    "retries": _count(0),
    "backoff": _backoff,
    "timeout": _timeout,
    "deadline": _timeout,
    "when": condition,
    "trigger_rule": _one_of(*TRIGGER_RULES),
    "executor": _executor,
    "env": _env,
    "at_most_once": _one_of(True, False),
    "max_parallel": _count(1),
    "rate": _rate,
    "errors": _one_of("fail", "skip", "collect"),
    "cross": _one_of(True, False),
    "pool": _pool,
    "slots": _count(1),
    "priority": _whole,
    "retry_on": _error_types,
    "never_retry": _error_types,
    "breaker": _breaker,
    "cache": _cache,
    "cache_key": _cache_key,
    "wait": _one_of("delivered", None),
    "setup": _around,
    "teardown": _around,
    "on_success": handlers,
    "on_failure": handlers,
}
