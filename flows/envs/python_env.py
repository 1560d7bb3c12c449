"""`python_env`: requirements of a task, without a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triphammer.flows.envs.spec import EnvSpec
from triphammer.flows.errors import GraphError
from triphammer.flows.kinds import is_array
from triphammer.flows.places import user_place


def python_env(requirements: Sequence[str]) -> EnvSpec:
    """An environment with these requirements, for `env=` of a task:
    `@task(env=python_env(["pandas==2.2.3"]))`.

    Each is a line as in a `requirements.txt`; relative paths begin at the project's root. Raises
    `GraphError` for anything else.
    """
    given: Any = requirements
    if is_array(given) and all(isinstance(one, str) and one.strip() for one in given):
        return EnvSpec(requirements=tuple(given))
    place = user_place()
    message = f'python_env({given!r}): it takes a list such as ["pandas==2.2.3"]'
    raise GraphError(message, place.file, place.line)
