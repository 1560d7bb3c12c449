"""What an environment consists of, and the name that follows from it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from triphammer.flows.errors import EnvFailed

LAYOUT = 1
"""Another number: what was built before is not used any more."""
LISTED, PROJECT = "requirements.txt", "pyproject.toml"
_INCLUDE = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*(\S+)")


class EnvSpec(msgspec.Struct, frozen=True):
    """Requirements: those of `folder` (below the project's root), or these."""

    folder: str | None = None
    requirements: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.folder or f"python_env({', '.join(self.requirements)})"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An environment as it is to be now. `id` names its content: other requirements, another
    Python or another triphammer have another one. `file` is what the installer is given, or
    `lines` to write into one; `cwd` is where relative paths in them begin."""

    spec: EnvSpec
    root: Path
    id: str
    cwd: Path
    file: Path | None = None
    lines: tuple[str, ...] = ()


def wanted(spec: EnvSpec, root: Path) -> Wanted:
    """The environment as its files say now. Raises `EnvFailed` where they cannot be read."""
    if spec.folder is None:
        return _listed(spec, root, root, spec.requirements)
    folder = root / spec.folder
    file = folder / LISTED
    if _is_file(file):
        texts = list(_with_included(file, set()))
        return Wanted(spec=spec, root=root, id=_id(folder, texts), cwd=folder, file=file)
    project = folder / PROJECT
    if _is_file(project):
        return _listed(spec, root, folder, _dependencies(spec, project))
    raise EnvFailed(
        f"env={spec.folder!r}: {folder} holds neither {LISTED} nor {PROJECT}: write one of them"
    )


class _Dependencies(msgspec.Struct, frozen=True):
    dependencies: tuple[str, ...] = ()


class _Project(msgspec.Struct, frozen=True):
    project: _Dependencies = _Dependencies()


def _listed(spec: EnvSpec, root: Path, cwd: Path, lines: tuple[str, ...]) -> Wanted:
    return Wanted(spec=spec, root=root, id=_id(cwd, lines), cwd=cwd, lines=lines)


def _id(cwd: Path, texts: Sequence[str]) -> str:
    known = msgspec.json.encode([LAYOUT, _here(), str(cwd), list(texts)])
    return hashlib.sha256(known).hexdigest()[:20]


@cache
def _here() -> list[str]:
    """What an environment has from this process: its triphammer and its Python."""
    triphammer = [version("triphammer"), str(Path(__file__).parent)]
    return [*triphammer, sys.version, sys.base_prefix, platform.machine()]


def _with_included(file: Path, seen: set[Path]) -> Iterator[str]:
    """The text of a file of requirements, and of those that it includes."""
    if file in seen:
        return
    seen.add(file)
    text = _read(file)
    yield text
    for line in text.splitlines():
        found = _INCLUDE.match(line)
        if found is not None and "://" not in found[1]:
            yield from _with_included(file.parent / found[1], seen)


def _dependencies(spec: EnvSpec, file: Path) -> tuple[str, ...]:
    try:
        told = msgspec.convert(tomllib.loads(_read(file)), _Project)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise EnvFailed(f"env={spec.folder!r}: {file} cannot be read: {error}") from None
    return told.project.dependencies


def _is_file(file: Path) -> bool:
    # os.path answers where pathlib raises: below a folder that may not be entered.
    return os.path.isfile(file)  # noqa: PTH113


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EnvFailed(f"requirements cannot be read: {error}") from None
