"""Which of the user's modules a flow file imports, read from its source."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from triphammer.flows.errors import GraphError
from triphammer.flows.project import Project, module_source, stored_modules


def write(root: Path, *names: str, **texts: str) -> None:
    for name in names:
        texts.setdefault(name, "")
    for name, text in texts.items():
        path = root / (name.replace("__", "/").replace("INIT", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


IMPORTS: dict[str, set[str]] = {
    "import one": {"one.py"},
    "import one as o, pack.sub.deep": {"one.py", "pack/__init__.py", "pack/sub/deep.py"},
    "from pack import sub": {"pack/__init__.py"},
    "from pack import flat, name": {"pack/__init__.py", "pack/flat.py"},
    "from pack.sub import deep": {"pack/__init__.py", "pack/sub/deep.py"},
    "from pack import *": {"pack/__init__.py"},
    "from . import own": {"flows/own.py"},
    "from .own import x": {"flows/own.py"},
    "from .. import one": set(),
    "from ..one import x": set(),
    "def f():\n    import one": {"one.py"},
    "if False:\n    import one": {"one.py"},
    "import nowhere, os, triphammer": set(),
    "x = 1 +": set(),
    "import chained": {"chained.py", "one.py"},
    "import round_a": {"round_a.py", "round_b.py"},
}


@pytest.mark.parametrize("text", IMPORTS)
def test_follows_every_spelling_of_an_import(tmp_path: Path, text: str) -> None:
    write(
        tmp_path,
        *("one", "pack__INIT", "pack__flat", "pack__sub__deep", "flows__own", "triphammer"),
        flows__a=text,
        chained="from one import x\n",
        round_a="import round_b\n",
        round_b="import round_a\n",
    )
    found = Project(tmp_path).closure(tmp_path / "flows" / "a.py")
    assert next(iter(found)) == "flows/a.py"
    assert set(found) - {"flows/a.py"} == IMPORTS[text]


def test_a_package_that_imports_relatively(tmp_path: Path) -> None:
    write(tmp_path, "pack__flat", flows__a="import pack", pack__INIT="from . import flat\n")
    found = Project(tmp_path).closure(tmp_path / "flows" / "a.py")
    assert set(found) == {"flows/a.py", "pack/__init__.py", "pack/flat.py"}


@pytest.mark.parametrize(
    ("path", "name", "package"),
    [
        ("flows/a.py", "flows.a", False),
        ("lib//one.py", "one", False),
        ("/srv/x//pack/__init__.py", "pack", True),
        ("pack/sub/__init__.py", "pack.sub", True),
        ("flows/my.flow-file.py", "flows.my_flow-file", False),
    ],
)
def test_a_path_says_the_modules_name(path: str, name: str, package: bool) -> None:
    module = module_source(path, "/f", "")
    assert (module.name, module.package) == (name, package)


def test_stored_sources_have_the_file_that_they_came_from(tmp_path: Path) -> None:
    found = stored_modules(tmp_path, {"flows/a.py": "", "lib//b.py": "", "/srv//c.py": ""})
    assert [module.file for module in found.values()] == [
        str(tmp_path / "flows" / "a.py"),
        str(tmp_path / "lib" / "b.py"),
        "/srv/c.py",
    ]


def test_the_files_of_a_module_are_its_own_and_of_a_package_those_in_it(tmp_path: Path) -> None:
    write(tmp_path, "one", "pack__INIT", "pack__a", "pack___private", "pack__deep__b", "space__c")
    project = Project(tmp_path)
    assert project.files_of("one") == (tmp_path / "one.py",)
    assert project.files_of("pack") == (tmp_path / "pack/__init__.py", tmp_path / "pack/a.py")
    assert project.files_of("pack.a") == (tmp_path / "pack/a.py",)
    assert project.files_of("space.c") == (tmp_path / "space/c.py",)
    assert project.files_of("space") == (tmp_path / "space/c.py",)
    for name in ("none", "pack.none", "json"):
        with pytest.raises(GraphError, match=f"there is no module '{name}'"):
            project.files_of(name)


def test_of_an_installed_package_only_its_own_modules_belong_to_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, root = tmp_path / "root" / ".venv" / "site", tmp_path / "root"
    write(
        site, "acme_x__INIT", "acme_x__util", "other_x", acme_x__flows="import acme_x.util, other_x"
    )
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    project = Project(root)
    (file,) = project.files_of("acme_x.flows")
    modules = project.closure(file)
    assert list(modules) == [
        ".venv/site//acme_x/flows.py",
        ".venv/site//acme_x/__init__.py",
        ".venv/site//acme_x/util.py",
    ]
    assert next(iter(modules.values())).name == "acme_x.flows"
    sources = {path: module.source for path, module in modules.items()}
    assert [m.name for m in stored_modules(root, sources).values()] == [
        "acme_x.flows",
        "acme_x",
        "acme_x.util",
    ]
