"""`python_env`: requirements of a task, without a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.errors import GraphError
from triphammer.flows.kinds import is_array
from triphammer.flows.places import user_place
from triphammer.flows.task import Task, task

P = ParamSpec("P")
R = TypeVar("R")


class PythonEnv(EnvSpec, frozen=True):
    """An environment that is named by its requirements alone; as a decorator, that of a task."""

    def __call__(self, fn: Callable[P, R], /) -> Task[P, R]:
        """`fn` as a task that runs in this environment."""
        return task(env=self)(fn)


def python_env(requirements: Sequence[str]) -> PythonEnv:
    """An environment with these requirements, for `env=` of a task or flow:
    `@task(env=python_env(["pandas==2.2.3"]))`; `@python_env(["pandas==2.2.3"])` alone is the same.

    Each is a line as in a `requirements.txt`; relative paths begin at the project's root. Raises
    `GraphError` for anything else.
    """
    given: Any = requirements
    if is_array(given) and all(isinstance(one, str) and one.strip() for one in given):
        return PythonEnv(requirements=tuple(given))
    place = user_place()
    message = f'python_env({given!r}): it takes a list such as ["pandas==2.2.3"]'
    raise GraphError(message, place.file, place.line)
