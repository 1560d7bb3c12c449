"""The options of a file sensor: those of all flows on one folder joined, and read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from triphammer.config.source import SensorSpec
from triphammer.sensors.errors import SourceError
from triphammer.sensors.files.globs import Globs
from triphammer.sensors.files.scanning import Scope

SHARED = ("ready", "settle", "done", "failed")


@dataclass(frozen=True, slots=True)
class Options:
    """A sensor's options with their paths resolved; `settle` in microseconds."""

    scope: Scope
    ready: str | Mapping[str, Any]
    settle: int
    done: str | None
    failed: str | None


def merged(specs: Sequence[SensorSpec]) -> SensorSpec:
    """One sensor for all flows on a folder: it looks for what any of them wants.

    Raises SourceError where they differ in when a file is whole or what becomes of it.
    """
    first = specs[0]
    globs = {glob for spec in specs for glob in spec.options["globs"]}
    for other in specs[1:]:
        for option in SHARED:
            _agree(first, other, option)
    return replace(first, options={**first.options, "globs": sorted(globs)})


def resolved(spec: SensorSpec, root: Path) -> Options:
    """The options of `spec` in the project at `root`."""
    options = spec.options
    folder = _absolute(root, options["dir"])
    done, failed = (
        None if options[name] is None else _absolute(Path(folder), options[name])
        for name in ("done", "failed")
    )
    excluded = frozenset(target for target in (done, failed) if target is not None)
    return Options(
        scope=Scope(Path(folder), Globs(options["globs"]), excluded),
        ready=options["ready"],
        settle=options["settle"],
        done=done,
        failed=failed,
    )


def _absolute(root: Path, path: str) -> str:
    return os.path.abspath(root / path)  # noqa: PTH100 - resolve() would follow links


def _agree(first: SensorSpec, other: SensorSpec, option: str) -> None:
    one, two = first.options[option], other.options[option]
    if one == two:
        return
    shown = (f"{one}us and {two}us") if option == "settle" else f"{one!r} and {two!r}"
    raise SourceError(
        f"two flows want different fates for the files of the folder {first.name!r}: {option}"
        f" is {shown}. Name the same ready=, settle=, done= and failed= in both, or use two folders"
    )
