"""Executors by name. Built-in kinds and plug-ins come in through the same door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import cast

from triphammer.flows.errors import FlowError
from triphammer.flows.executors.contract import Executor, ExecutorContext, ExecutorKind
from triphammer.flows.executors.on_demand import OnDemand

GROUP = "triphammer.executors"
NEEDS: Mapping[str, tuple[str, str]] = {"dask": ("distributed", "triphammer[dask]")}
"""Built-in executors that stand on an optional package, and the extra that brings it."""


def executor_names() -> list[str]:
    """The names that `executor=` may have."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def missing_package(name: str) -> str | None:
    """What is to be installed before the executor `name` can be used; None: nothing."""
    package, extra = NEEDS.get(name, (None, ""))
    return extra if package is not None and find_spec(package) is None else None


def executor_kind(name: str) -> ExecutorKind:
    """What the entry point `name` of group `triphammer.executors` names.

    Raises `FlowError` for an unknown name, one that two packages provide, and one that cannot
    be imported.
    """
    found = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if not found:
        known = ", ".join(executor_names()) or "none"
        raise FlowError(
            f"there is no executor {name!r}; installed are: {known}. Install the package that "
            f"provides it (entry point group {GROUP!r})"
        )
    if len(found) > 1:
        raise FlowError(
            f"the executor {name!r} is provided more than once: {', '.join(sorted(found))}; "
            "uninstall all packages but one"
        )
    return _load(next(iter(found.values())))


def _load(point: EntryPoint) -> ExecutorKind:
    missing = missing_package(point.name)
    if missing is not None:
        raise FlowError(f"executor {point.name!r} needs an extra: pip install '{missing}'")
    try:
        return cast(ExecutorKind, point.load())
    except (ImportError, AttributeError) as error:
        raise FlowError(
            f"the executor {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from error


def executors_on_demand(
    context_of: Callable[[str], ExecutorContext], now: Callable[[], int]
) -> dict[str, Executor]:
    """Every executor there is; each is loaded and started once the first task asks for it."""

    def make(name: str) -> Executor:
        return executor_kind(name).build(context_of(name))

    return {name: OnDemand(partial(make, name), now) for name in executor_names()}
