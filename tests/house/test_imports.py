"""Who imports whom, `TYPE_CHECKING` included; and that the checks of it bite."""

from __future__ import annotations

import graphlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest

from tests.house.tracked import ROOMS, ROOT

HEAVY = ("fastapi", "starlette", "uvicorn", "aiokafka", "httpx", "typer", "rich", "sqlite3")
LOAD_ALL = """
import importlib, pkgutil, sys
import triphammer.flows as flows
for module in pkgutil.walk_packages(flows.__path__, "triphammer.flows."):
    importlib.import_module(module.name)
print(*sorted(sys.modules))
"""
FOR_ANNOTATIONS = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import {}
"""


@pytest.fixture(scope="module")
def imports() -> Any:
    """The graph of our modules' imports."""
    return grimp.build_graph("triphammer", cache_dir=None)


def test_no_circles(imports: Any) -> None:
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter(
        {module: imports.find_modules_directly_imported_by(module) for module in imports.modules}
    )
    sorter.prepare()


def test_the_rooms_never_import_the_face(imports: Any) -> None:
    by = imports.find_modules_that_directly_import("triphammer")
    assert {m for m in by if m.split(".")[1] in ROOMS} == set()


def test_importing_all_of_flows_loads_nothing_heavy() -> None:
    """Worker processes import it."""
    loaded = _python("-c", LOAD_ALL, cwd=ROOT).stdout.split()
    assert [m for m in HEAVY if m in loaded] == []
    assert [m for m in loaded if m.startswith(("triphammer.service", "triphammer.sensors"))] == []


def test_importing_the_face_loads_no_room() -> None:
    loaded = _python("-c", "import sys, triphammer; print(*sys.modules)", cwd=ROOT).stdout.split()
    assert [m for m in loaded if m.startswith("triphammer.")] == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import flows", "TID251"),
        ("import config.settings", "TID251"),
        ("from sensors import event", "TID251"),
        ("from service.web import app", "TID251"),
        ("from . import handle", "TID252"),
        ("from asyncio import create_task", "TID251"),
        ("import asyncio\n\nasyncio.ensure_future(None)", "TID251"),
    ],
)
def test_the_linter_refuses(line: str, rule: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "service/x.py", "-"],
        cwd=ROOT,
        input=f"{line}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert rule in found.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("config/clock.py", "triphammer.flows.task"),
        ("sensors/event.py", "triphammer.flows.task"),
        ("flows/task.py", "triphammer.sensors.event"),
        ("flows/task.py", "triphammer.service.daemon"),
        ("service/daemon.py", "triphammer.testing"),
    ],
)
def test_an_import_upward_is_refused(module: str, imported: str, tmp_path: Path) -> None:
    """Even one that only annotations need."""
    for room in (*ROOMS, "triphammer"):
        shutil.copytree(
            ROOT / room,
            tmp_path / room,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__", "static"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = ["-c", "from importlinter.cli import lint_imports_command as run; run()"]
    assert _python(*command, "--no-cache", cwd=tmp_path).returncode == 0
    with (tmp_path / module).open("a") as file:
        file.write(
            f"\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {imported}\n"
        )
    found = _python(*command, "--no-cache", cwd=tmp_path)
    assert found.returncode == 1
    assert "BROKEN" in found.stdout


def _python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # Coverage follows into subprocesses and would bring modules of its own along.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
