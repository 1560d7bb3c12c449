"""Loads the user's modules under private names, each version of a flow file on its own.

The modules of a version live in the package `_triphammer_flows_<version>`. Their imports of
each other are led there by an `__import__` of their own, also those inside functions; so two
versions, and a user's folder named `flows` or `config`, never meet. The names depend on
the version only: what one process pickles another unpickles once it has the version.
"""

from __future__ import annotations

import builtins
import importlib
import linecache
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Lock
from types import CodeType, ModuleType
from typing import Any
from weakref import WeakValueDictionary, finalize

from triphammer.flows.project import ModuleSource

PREFIX = "_triphammer_flows_"


class Namespace:
    """The modules of one version by their public dotted names."""

    def __init__(self, version: str, modules: Mapping[str, ModuleSource]) -> None:
        self.name = PREFIX + version
        self._version = version
        self._modules = {module.name: module for module in modules.values()}
        self._tops = {name.partition(".")[0] for name in self._modules}
        self._builtins = {**vars(builtins), "__import__": self._import}

    @property
    def files(self) -> Mapping[str, str]:
        """Where each module comes from."""
        return {name: module.file for name, module in self._modules.items()}

    def load(self, module: ModuleSource) -> ModuleType:
        """Execute a module of this version, or return it when it was. Raises whatever it does."""
        return importlib.import_module(f"{self.name}.{module.name}")

    def spec(self, fullname: str) -> ModuleSpec | None:
        """How a private name is loaded, if it belongs here."""
        name = fullname.removeprefix(self.name).removeprefix(".")
        module = self._modules.get(name)
        if module is not None:
            loader = _SourceLoader(module, self._file(module), self._builtins)
            return ModuleSpec(fullname, loader, origin=module.file, is_package=module.package)
        if not name or any(known.startswith(f"{name}.") for known in self._modules):
            return ModuleSpec(fullname, None, is_package=True)
        return None

    def _file(self, module: ModuleSource) -> str:
        """The file that tracebacks name. The source of an old version is kept for them."""
        try:
            if Path(module.file).read_text(encoding="utf-8") == module.source:
                return module.file
        except (OSError, UnicodeDecodeError):
            pass
        file = f"{module.file}@{self._version}"
        lines = module.source.splitlines(keepends=True)
        linecache.cache[file] = (len(module.source), None, lines, file)
        return file

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """`__import__` of the modules in here: the project's own names are private ones."""
        top = name.partition(".")[0]
        if level or top not in self._tops:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        VersionFinder.installed().restore(self)
        module = importlib.import_module(f"{self.name}.{name}")
        if not fromlist:
            return sys.modules[f"{self.name}.{top}"]
        return builtins.__import__(module.__name__, globals, locals, fromlist, 0)


def stand_in(flow_version: str, name: str, module: str) -> None:
    """Let the module that was imported as usual stand for its private name, and answer to it.

    What a process that loaded the version has pickled names classes by their private module;
    a script or test that runs its own flow knows them by another.
    """
    if not module.startswith(PREFIX) and module in sys.modules:
        sys.modules.setdefault(PREFIX + flow_version, ModuleType(PREFIX + flow_version))
        sys.modules.setdefault(f"{PREFIX}{flow_version}.{name}", sys.modules[module])


def stand_in_for(old: str, new: str) -> None:
    """Let the modules of version `new` that are loaded stand for those of `old`.

    For values that were pickled by the code of a past version and are to be read by today's.
    """
    known = {name: module for name, module in sys.modules.items() if _is_of(name, new)}
    for name, module in known.items():
        sys.modules.setdefault(PREFIX + old + name.removeprefix(PREFIX + new), module)


def _is_of(name: str, version: str) -> bool:
    return name.partition(".")[0] == PREFIX + version


class Lease:
    """Whoever holds it may import modules of a version; when nobody does they are let go."""


class VersionFinder(MetaPathFinder):
    """Finds private names on `sys.meta_path`: the one place where Python asks for them."""

    def __init__(self) -> None:
        self._namespaces: dict[str, Namespace] = {}
        self._leases: WeakValueDictionary[str, Lease] = WeakValueDictionary()
        self._ended: deque[str] = deque()
        self._lock = Lock()

    @classmethod
    def installed(cls) -> VersionFinder:
        """The finder of this process, put in place at the first call."""
        for finder in sys.meta_path:
            if isinstance(finder, cls):
                return finder
        finder = cls()
        sys.meta_path.insert(0, finder)
        return finder

    def namespace(
        self, version: str, modules: Mapping[str, ModuleSource]
    ) -> tuple[Namespace, Lease]:
        """The namespace of a version, the same one for equal versions at one place.

        The same sources at another place (a copy of the project) take over the name: what is
        loaded already goes on under the functions that hold it.
        """
        namespace = Namespace(version, modules)
        with self._lock:
            lease = self._lease(namespace.name)
            self._let_go()
            known = self._namespaces.get(namespace.name)
            if known is not None and known.files == namespace.files:
                return known, lease
            _unload(namespace.name)
            self._namespaces[namespace.name] = namespace
        return namespace, lease

    def restore(self, namespace: Namespace) -> None:
        """Code of a version that was let go still runs: an abandoned attempt, a thread."""
        self._namespaces.setdefault(namespace.name, namespace)

    def _lease(self, name: str) -> Lease:
        lease = self._leases.get(name)
        if lease is None:
            lease = self._leases[name] = Lease()
            # It may end anywhere, in the middle of an import: only noted there.
            finalize(lease, self._ended.append, name)
        return lease

    def _let_go(self) -> None:
        while self._ended:
            name = self._ended.popleft()
            if name not in self._leases:
                self._namespaces.pop(name, None)
                _unload(name)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a private name; None for every other."""
        if not fullname.startswith(PREFIX):
            return None
        namespace = self._namespaces.get(fullname.partition(".")[0])
        return None if namespace is None else namespace.spec(fullname)


def _unload(name: str) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


class _SourceLoader(InspectLoader):
    def __init__(self, module: ModuleSource, file: str, names: Mapping[str, Any]) -> None:
        self._module = module
        self._file = file
        self._builtins = names

    def get_source(self, fullname: str) -> str:
        return self._module.source

    def is_package(self, fullname: str) -> bool:
        return self._module.package

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._module.source, self._file, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._module.file
        module.__dict__["__builtins__"] = self._builtins
        run: Callable[..., None] = exec
        run(self.get_code(module.__name__), module.__dict__)
