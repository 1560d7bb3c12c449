"""The user's own modules: which file an import means, and all that a flow file imports."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from triphammer.flows.errors import GraphError
from triphammer.flows.snapshot import Snapshot

BOUNDARY = "//"
"""In a source's path: what stands before it is an import root other than the project's."""

_NEVER_THE_USERS = frozenset({"triphammer", *sys.stdlib_module_names})


class ModuleSource(msgspec.Struct, frozen=True):
    """One module of the user's. `path` is below the project root (POSIX), `file` absolute."""

    name: str
    path: str
    file: str
    source: str
    package: bool = False


class Project:
    """A project: imports are looked up below its root, then below each of `path`.

    Every file is read once: what is loaded goes together, see `Snapshot.holds`.
    """

    def __init__(self, root: Path, path: Sequence[Path] = ()) -> None:
        self.root = Path(root).absolute()
        self.snapshot = Snapshot()
        self._roots = tuple(dict.fromkeys([self.root, *(Path(p).absolute() for p in path)]))
        self._imports: dict[str, tuple[str, ...]] = {}
        self._modules: dict[str, tuple[ModuleSource, ...]] = {}
        self._packages: dict[str, Path] = {}

    def closure(self, file: Path) -> dict[str, ModuleSource]:
        """The flow file and every module of the project that it imports, however indirectly.

        By path; the flow file comes first. Imports inside functions count: they run later.
        Raises `GraphError` for a file that cannot be read.
        """
        first = self._entry(file)
        found = {first.path: first}
        waiting = [first]
        while waiting:
            for module in self._imported(waiting.pop()):
                if module.path not in found:
                    found[module.path] = module
                    waiting.append(module)
        return found

    def files_of(self, module: str) -> tuple[Path, ...]:
        """The files that may hold the flows of a module, the project's or an installed one: its
        own, and those beside the `__init__.py` of a package that do not begin with `_`.

        Raises `GraphError` when there is no such module.
        """
        top = module.partition(".")[0]
        if self._root_of(top) is None:
            self._take_in(top)
        found = list(self._resolve(module))
        if not found or found[-1].name != module:
            beside = self._files_in(module)
            if beside:
                return beside
            raise GraphError(f"there is no module {module!r}: it is named by [flows] modules")
        file = Path(found[-1].file)
        beside = self.snapshot.python_files(file.parent) if found[-1].package else ()
        return (file, *beside)

    def _files_in(self, module: str) -> tuple[Path, ...]:
        """Those of a package that has no `__init__.py`."""
        parts = module.split(".")
        root = self._root_of(parts[0])
        return () if root is None else self.snapshot.python_files(root.joinpath(*parts))

    def _take_in(self, top: str) -> None:
        """Let what an installed package imports of itself belong to versions as well."""
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            spec = None
        if top in _NEVER_THE_USERS:
            return
        if spec is None:
            for place in sys.path:  # it may be installed there later
                self.snapshot.is_dir(Path(place).absolute() / top)
            return
        for place in spec.submodule_search_locations or (spec.origin or "",):
            if place:
                self._packages.setdefault(top, Path(place).absolute().parent)

    def shown(self, file: str) -> str:
        """The path as users are shown it: below the root where it is there."""
        path = Path(file)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else file

    def _entry(self, file: Path) -> ModuleSource:
        file = file.absolute()
        package = next((r for t, r in self._packages.items() if _is_below(file, r, t)), None)
        root = next((r for r in self._roots if file.is_relative_to(r)), file.parent)
        return self._module(package or root, file)

    def _module(self, root: Path, file: Path) -> ModuleSource:
        below = file.relative_to(root).as_posix()
        path = below if root == self.root else f"{self.shown(str(root))}{BOUNDARY}{below}"
        return module_source(path, str(file), self._read(file))

    def _read(self, file: Path) -> str:
        shown = self.shown(str(file))
        try:
            return importlib.util.decode_source(self.snapshot.content(file))
        except OSError as error:
            raise GraphError(f"cannot be read: {error.strerror}", shown, 1) from error
        except (UnicodeDecodeError, SyntaxError) as error:
            raise GraphError(f"is not a Python file: {error}", shown, 1) from error

    def _imported(self, module: ModuleSource) -> Iterator[ModuleSource]:
        names = self._imports.get(module.path)
        if names is None:
            names = self._imports[module.path] = tuple(dict.fromkeys(_imports(module)))
        for name in names:
            if name not in self._modules:
                self._modules[name] = tuple(self._resolve(name))
            yield from self._modules[name]

    def _resolve(self, name: str) -> Iterator[ModuleSource]:
        """The modules that `import name` runs: the packages on the way and the last part."""
        parts = name.split(".")
        root = self._root_of(parts[0])
        if root is None:
            return
        for count in range(1, len(parts) + 1):
            place = root.joinpath(*parts[:count])
            for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if self.snapshot.is_file(file):
                    yield self._module(root, file)
                    break

    def _root_of(self, top: str) -> Path | None:
        if top in _NEVER_THE_USERS:
            return None
        if top in self._packages:
            return self._packages[top]
        seen = self.snapshot
        for root in self._roots:
            if seen.is_file(root / f"{top}.py") or seen.is_file(root / top / "__init__.py"):
                return root
        folder = next((root for root in self._roots if seen.is_dir(root / top)), None)
        # As in Python itself: an installed package goes before a folder without __init__.py.
        return None if folder is None or self._installed(top) else folder

    def _installed(self, top: str) -> bool:
        elsewhere = [p for p in sys.path if Path(p).absolute() not in self._roots]
        spec = PathFinder.find_spec(top, elsewhere)
        return spec is not None and spec.origin is not None and not _is_room(top, spec.origin)


def _is_below(file: Path, root: Path, top: str) -> bool:
    """Whether `file` belongs to the package or module `top` that stands in `root`."""
    return file.is_relative_to(root / top) or file == root / f"{top}.py"


def _is_room(top: str, file: str) -> bool:
    """In a checkout triphammer's own folders can be imported as `flows`, `config`, ..."""
    return Path(file).resolve().parent == (Path(__file__).parent.parent / top).resolve()


def module_source(path: str, file: str, source: str) -> ModuleSource:
    """A module by its path, as `Project` gives it and as the store keeps it."""
    below = path.rpartition(BOUNDARY)[2].removesuffix(".py")
    package = below == "__init__" or below.endswith("/__init__")
    parts = below.removesuffix("__init__").rstrip("/").split("/")
    name = ".".join(part.replace(".", "_") for part in parts)
    return ModuleSource(name=name, path=path, file=file, source=source, package=package)


def stored_modules(root: Path, sources: Mapping[str, str]) -> dict[str, ModuleSource]:
    """The modules of a stored version by path."""
    return {
        path: module_source(path, str(Path(root, path.replace(BOUNDARY, "/")).absolute()), source)
        for path, source in sources.items()
    }


def _imports(module: ModuleSource) -> Iterator[str]:
    try:
        tree = ast.parse(module.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # shown with its place when the file is executed
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module)
            if base is not None:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _base(node: ast.ImportFrom, module: ModuleSource) -> str | None:
    if node.level == 0:
        return node.module
    package = module.name if module.package else module.name.rpartition(".")[0]
    try:
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:  # beyond the top: shown when the file is executed
        return None
