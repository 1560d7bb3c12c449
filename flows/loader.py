"""Loads flow files: each on its own, so that a broken one harms no other."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from triphammer.config.errors import TriphammerError
from triphammer.flows.definition import RUNS_PER_FLOW, define, version_of
from triphammer.flows.errors import GraphError
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.modules import VersionFinder
from triphammer.flows.places import NOWHERE, Place, raising_place
from triphammer.flows.project import BOUNDARY, ModuleSource, Project, stored_modules
from triphammer.flows.review import review


class FlowSet(msgspec.Struct, frozen=True):
    """What a folder of flow files gives: flows by name, errors and warnings by place.

    `broken` are the flow files (as `FlowDef.file` names them) that gave an error, also where
    the error's own place is in a module they import.
    """

    flows: Mapping[str, FlowDef]
    errors: Sequence[GraphError]
    warnings: Sequence[str]
    broken: frozenset[str] = frozenset()


def load_flows(
    root: Path, folder: Path, path: Sequence[Path] = (), *, runs_per_flow: int = RUNS_PER_FLOW
) -> FlowSet:
    """Load each `*.py` of `folder` that does not begin with `_`.

    `root` is the project's, `path` further import roots. A source that was loaded before is
    not executed again. `runs_per_flow` is for flows that name no `max_runs`.
    """
    if not folder.is_dir():
        shown = Project(root).shown(str(folder))
        return FlowSet({}, [], [f"{shown}: there is no such folder, so there are no flows"])
    files = sorted(file for file in folder.glob("*.py") if not file.name.startswith("_"))
    return load_files(root, files, path, runs_per_flow=runs_per_flow)


def load_files(
    root: Path,
    files: Iterable[Path],
    path: Sequence[Path] = (),
    *,
    runs_per_flow: int = RUNS_PER_FLOW,
) -> FlowSet:
    """Load these flow files. Of two flows of one name the first stays, with an error."""
    gathered = _Gathered(Project(root, path), runs_per_flow)
    for file in files:
        gathered.load(file)
    return gathered.result()


def load_version(root: Path, flow: str, file: str, sources: Mapping[str, str]) -> FlowDef:
    """The flow at a stored version. Raises `GraphError` when it no longer loads."""
    modules = stored_modules(root, sources)
    entry = next((m for m in modules.values() if m.path.replace(BOUNDARY, "/") == file), None)
    if entry is None:
        raise GraphError(f"the stored sources of {flow} do not hold its file", file, 1)
    project = Project(root)
    try:
        found = _found(entry, modules)
    except GraphError as error:
        raise _shown(project, error) from error
    match = next((item for item in found if item.name == flow), None)
    if match is None:
        raise GraphError(f"the stored sources hold no flow named {flow!r}", file, 1)
    return define(match, file=file, sources=sources, version=version_of(sources), root=root)


class _Gathered:
    """The flows, errors and warnings so far."""

    def __init__(self, project: Project, runs_per_flow: int) -> None:
        self._project = project
        self._runs_per_flow = runs_per_flow
        self._flows: dict[str, FlowDef] = {}
        self._errors: list[GraphError] = []
        self._warnings: list[str] = []
        self._broken: set[str] = set()

    def result(self) -> FlowSet:
        return FlowSet(self._flows, self._errors, self._warnings, frozenset(self._broken))

    def load(self, file: Path) -> None:
        try:
            modules = self._project.closure(file)
            entry = next(iter(modules.values()))
            found = _found(entry, modules)
        except GraphError as error:
            self._fail(self._project.shown(str(file)), error)
            return
        sources = {path: module.source for path, module in modules.items()}
        for flow in found:
            self._add(flow, entry.path.replace(BOUNDARY, "/"), sources)

    def _add(self, flow: Flow[..., Any], file: str, sources: Mapping[str, str]) -> None:
        try:
            definition = define(
                flow,
                file=file,
                sources=sources,
                version=version_of(sources),
                root=self._project.root,
                runs_per_flow=self._runs_per_flow,
            )
            self._check_name(definition)
        except GraphError as error:
            self._fail(file, error)
            return
        self._flows[flow.name] = definition
        self._warnings.extend(review(definition))

    def _check_name(self, flow: FlowDef) -> None:
        other = self._flows.get(flow.name)
        if other is not None:
            message = (
                f"two flows are named {flow.name!r}: this one and the one at "
                f"{other.file}:{other.line}; give one another name="
            )
            raise GraphError(message, flow.file, flow.line)

    def _fail(self, file: str, error: GraphError) -> None:
        self._errors.append(_shown(self._project, error))
        self._broken.add(file)


def _shown(project: Project, error: GraphError) -> GraphError:
    """The error with its file as users are shown it."""
    file = None if error.file is None else project.shown(error.file)
    return type(error)(error.message, file, error.line)


def _found(entry: ModuleSource, modules: Mapping[str, ModuleSource]) -> list[Flow[..., Any]]:
    """Execute a flow file and find its flows. Raises `GraphError` for whatever it raises."""
    version = version_of({path: module.source for path, module in modules.items()})
    namespace = VersionFinder.installed().namespace(version, modules)
    try:
        module = namespace.load(entry)
    except GraphError:
        raise
    except SyntaxError as error:
        file = error.filename or entry.file
        raise GraphError(f"syntax error: {error.msg}", file, error.lineno or 1) from error
    # Seam to user code: a flow file may raise anything when it is imported, or exit.
    except (Exception, SystemExit) as error:
        place = raising_place(error.__traceback__)
        place = Place(entry.file, 1) if place is NOWHERE else place
        raise GraphError(_told(error), place.file, place.line) from error
    return list(_flows_of(module))


def _told(error: BaseException) -> str:
    if isinstance(error, TriphammerError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _flows_of(module: ModuleType) -> Iterator[Flow[..., Any]]:
    """The flows among a module's names, without those that it imported from another module."""
    seen: set[int] = set()
    for value in list(vars(module).values()):
        if isinstance(value, Flow) and id(value) not in seen:  # pyright: ignore[reportUnknownArgumentType]
            seen.add(id(value))  # pyright: ignore[reportUnknownArgumentType]
            if not _is_imported(value, module):  # pyright: ignore[reportUnknownArgumentType]
                yield value


def _is_imported(flow: Flow[..., Any], module: ModuleType) -> bool:
    """A flow that a factory elsewhere made for this module is no name of that other module."""
    if flow.module == module.__name__:
        return False
    home = sys.modules.get(flow.module)
    return home is not None and any(value is flow for value in vars(home).values())
