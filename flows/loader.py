"""Loads flow files: each on its own, so that a broken one harms no other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from triphammer.config.errors import TriphammerError
from triphammer.flows.definition import RUNS_PER_FLOW, define, version_of
from triphammer.flows.errors import GraphError
from triphammer.flows.flow import Flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.modules import Lease, VersionFinder
from triphammer.flows.places import NOWHERE, Place, raising_place
from triphammer.flows.project import BOUNDARY, ModuleSource, Project, stored_modules
from triphammer.flows.review import review
from triphammer.flows.snapshot import Snapshot

READS = 10
"""So often the files are read while they change."""


class Twin(msgspec.Struct, frozen=True):
    """A flow that was refused because one before it has its name."""

    flow: FlowDef
    error: GraphError


class FlowSet(msgspec.Struct, frozen=True):
    """What a folder of flow files gives: flows by name, errors and warnings by place.

    `broken` gives the first error of each flow file (as `FlowDef.file` names it) that has any,
    also where the error's own place is in a module it imports. `snapshot` is what all was
    loaded from. Of `missing_folder` and `missing_modules` there was nothing to load. With the
    `leases` held no file is executed again that is loaded again, also one without a flow.
    `twins` are among the errors too.
    """

    flows: Mapping[str, FlowDef]
    errors: Sequence[GraphError]
    warnings: Sequence[str]
    broken: Mapping[str, str] = {}
    snapshot: Snapshot = Snapshot()
    missing_folder: str = ""
    missing_modules: tuple[str, ...] = ()
    leases: tuple[Lease, ...] = ()
    twins: tuple[Twin, ...] = ()


def load_flows(
    root: Path,
    folder: Path | None,
    path: Sequence[Path] = (),
    *,
    modules: Sequence[str] = (),
    runs_per_flow: int = RUNS_PER_FLOW,
) -> FlowSet:
    """Load each `*.py` of `folder` that does not begin with `_`, then each of `modules`.

    `root` is the project's, `path` further import roots. A source that was loaded before is
    not executed again. `runs_per_flow` is for flows that name no `max_runs`.
    """

    def listed(project: Project) -> Sequence[Path]:
        return () if folder is None else project.snapshot.python_files(folder)

    found = _load(root, path, listed, runs_per_flow, modules)
    if folder is None or found.snapshot.is_dir(folder):
        return found
    shown = Project(root).shown(str(folder))
    warning = f"{shown}: there is no such folder, so there are no flows"
    warnings = found.warnings if modules else [warning]
    return msgspec.structs.replace(found, warnings=warnings, missing_folder=shown)


def load_files(
    root: Path,
    files: Iterable[Path],
    path: Sequence[Path] = (),
    *,
    runs_per_flow: int = RUNS_PER_FLOW,
) -> FlowSet:
    """Load these flow files. Of two flows of one name the first stays, with an error."""
    named = tuple(files)
    return _load(root, path, lambda _: named, runs_per_flow)


def _load(
    root: Path,
    path: Sequence[Path],
    listed: Callable[[Project], Sequence[Path]],
    runs_per_flow: int,
    modules: Sequence[str] = (),
) -> FlowSet:
    """Read the `listed` files, `modules` and what they import until nothing changes meanwhile, then
    execute what was read."""
    gathered = _read(Project(root, path), listed, runs_per_flow, modules)
    for _ in range(READS - 1):
        if gathered.is_of_one_time():
            return gathered.result()
        gathered = _read(Project(root, path), listed, runs_per_flow, modules)
    if not gathered.is_of_one_time():
        gathered.give_up()
    return gathered.result()


def _read(
    project: Project,
    listed: Callable[[Project], Sequence[Path]],
    runs_per_flow: int,
    modules: Sequence[str],
) -> _Gathered:
    gathered = _Gathered(project, runs_per_flow)
    for file in listed(project):
        gathered.read(file)
    for module in modules:
        gathered.read_module(module)
    return gathered


def load_version(root: Path, flow: str, file: str, sources: Mapping[str, str]) -> FlowDef:
    """The flow at a stored version. Raises `GraphError` when it no longer loads."""
    modules = stored_modules(root, sources)
    entry = next((m for m in modules.values() if m.path.replace(BOUNDARY, "/") == file), None)
    if entry is None:
        raise GraphError(f"the stored sources of {flow} do not hold its file", file, 1)
    project = Project(root)
    try:
        found, lease = _found(entry, modules)
    except GraphError as error:
        raise _shown(project, error) from error
    match = next((item for item in found if item.name == flow), None)
    if match is None:
        raise GraphError(f"the stored sources hold no flow named {flow!r}", file, 1)
    return define(
        match, file=file, sources=sources, version=version_of(sources), root=root, lease=lease
    )


class _Gathered:
    """The modules that were read, and the flows, errors and warnings so far."""

    def __init__(self, project: Project, runs_per_flow: int) -> None:
        self.project = project
        self._runs_per_flow = runs_per_flow
        self._read: dict[str, Mapping[str, ModuleSource]] = {}
        self._flows: dict[str, FlowDef] = {}
        self._errors: list[GraphError] = []
        self._warnings: list[str] = []
        self._broken: dict[str, str] = {}
        self._twins: list[Twin] = []
        self._missing: list[str] = []
        self._leases: list[Lease] = []

    def read(self, file: Path) -> None:
        """Read a flow file and all that it imports; nothing is executed."""
        shown = self.project.shown(str(file))
        try:
            self._read[shown] = self.project.closure(file)
        except GraphError as error:
            self._fail(shown, error)

    def read_module(self, name: str) -> None:
        """Read the files of a module and all that they import."""
        try:
            files = self.project.files_of(name)
        except GraphError as error:
            self._errors.append(error)
            self._missing.append(name)
            return
        for file in files:
            if self.project.shown(str(file)) not in self._read:
                self.read(file)

    def is_of_one_time(self) -> bool:
        """Whether no file has changed since it was read."""
        return self.project.snapshot.holds()

    def give_up(self) -> None:
        """What was read is of different times: none of it is loaded."""
        message = "changes again and again while it is read: it is loaded once that is over"
        for file in self._read:
            self._fail(file, GraphError(message, file, 1))
        self._read.clear()

    def result(self) -> FlowSet:
        """Execute what was read."""
        for file, modules in self._read.items():
            self._load(file, modules)
        return FlowSet(
            self._flows,
            self._errors,
            self._warnings,
            self._broken,
            self.project.snapshot,
            missing_modules=tuple(self._missing),
            leases=tuple(self._leases),
            twins=tuple(self._twins),
        )

    def _load(self, file: str, modules: Mapping[str, ModuleSource]) -> None:
        entry = next(iter(modules.values()))
        try:
            found, lease = _found(entry, modules)
        except GraphError as error:
            self._fail(file, error)
            return
        self._leases.append(lease)
        sources = {path: module.source for path, module in modules.items()}
        for flow in found:
            self._add(flow, entry.path.replace(BOUNDARY, "/"), sources, lease)

    def _add(
        self, flow: Flow[..., Any], file: str, sources: Mapping[str, str], lease: Lease
    ) -> None:
        try:
            definition = define(
                flow,
                file=file,
                sources=sources,
                version=version_of(sources),
                root=self.project.root,
                runs_per_flow=self._runs_per_flow,
                lease=lease,
            )
        except GraphError as error:
            self._fail(file, error)
            return
        other = self._flows.get(flow.name)
        if other is not None:
            self._twins.append(Twin(definition, self._fail(file, same_name(definition, other))))
            return
        self._flows[flow.name] = definition
        self._warnings.extend(review(definition))

    def _fail(self, file: str, error: GraphError) -> GraphError:
        shown = _shown(self.project, error)
        self._errors.append(shown)
        self._broken.setdefault(file, str(shown))
        return shown


def same_name(flow: FlowDef, other: FlowDef) -> GraphError:
    """What is wrong with `flow`, where `other` has its name."""
    message = (
        f"two flows are named {flow.name!r}: this one and the one at "
        f"{other.file}:{other.line}; give one another name="
    )
    return GraphError(message, flow.file, flow.line)


def _shown(project: Project, error: GraphError) -> GraphError:
    """The error with its file as users are shown it."""
    file = None if error.file is None else project.shown(error.file)
    return type(error)(error.message, file, error.line)


def _found(
    entry: ModuleSource, modules: Mapping[str, ModuleSource]
) -> tuple[list[Flow[..., Any]], Lease]:
    """Execute a flow file and find its flows. Raises `GraphError` for whatever it raises."""
    version = version_of({path: module.source for path, module in modules.items()})
    namespace, lease = VersionFinder.installed().namespace(version, modules)
    try:
        module = namespace.load(entry)
    except GraphError:
        raise
    except SyntaxError as error:
        file = error.filename or entry.file
        raise GraphError(f"syntax error: {error.msg}", file, error.lineno or 1) from error
    # Seam to user code: a flow file may raise anything when it is imported, or exit, and no
    # exception of its own is a cancellation or Ctrl-C of ours.
    except BaseException as error:
        place = raising_place(error.__traceback__)
        place = Place(entry.file, 1) if place is NOWHERE else place
        raise GraphError(_told(error), place.file, place.line) from error
    return list(_flows_of(module)), lease


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
