"""What the result of a task depends on, in one hash: code, inputs, environment."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from triphammer.flows.codec import printed
from triphammer.flows.engine.attempts import Call
from triphammer.flows.engine.run_scope import RunScope
from triphammer.flows.engine.values import Launch
from triphammer.flows.envs.spec import wanted
from triphammer.flows.graph import FlowDef, Options


def fingerprint(flow: FlowDef, launch: Launch, scope: RunScope) -> str:
    """The hash of what `launch` would give. Two that have the same give the same, if their
    function is one.

    Of code counts the flow's version: its file and every module of the project that it imports.
    Artifacts count by their content. Blocks. Raises what finding the arguments raises, or
    `cache_key=`, and `EnvFailed`.
    """
    node = launch.node.node
    args, kwargs = Call(launch, scope).arguments()
    key = node.options.cache_key
    given = [*args, sorted(kwargs.items())] if key is None else [key(*args, **kwargs)]
    fn = node.spec.fn
    name = f"{getattr(fn, '__qualname__', node.spec.name)} {node.spec.where}"
    hash = hashlib.sha256()
    for part in (flow.version, name, _own_environment(flow, node.options), environment()):
        hash.update(part.encode() + b"\0")
    for value in given:
        body = printed(value)
        hash.update(b"%d:" % len(body) + body)
    return hash.hexdigest()


def _own_environment(flow: FlowDef, options: Options) -> str:
    """That of `env=`, by what it consists of: its requirements are in no version."""
    return "" if options.env is None else wanted(options.env, Path(flow.root)).id


@cache
def environment() -> str:
    """This Python with all packages that are installed, in one hash; blocks."""
    packages: list[Any] = sorted({(d.name, d.version) for d in distributions()})
    told = (sys.version, platform.machine(), sys.platform, packages)
    return hashlib.sha256(repr(told).encode()).hexdigest()
