"""The documents are run: every Python block, and every command of the quickstart."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tracked import ROOT

PAGES = [
    "README.md",
    "docs/quickstart.md",
    "docs/how-to.md",
    "docs/testing.md",
    "docs/from-airflow.md",
    "docs/from-kubeflow.md",
    "docs/from-prefect.md",
]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
NO_TESTS = 5
"""What pytest answers for a page whose blocks only have to run."""
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run_and_their_tests_pass(page: str, tmp_path: Path) -> None:
    blocks = PYTHON.findall((ROOT / page).read_text())
    assert blocks
    (tmp_path / "test_page.py").write_text("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, NO_TESTS), done.stdout


@pytest.mark.parametrize("page", PAGES[1:2])
def test_console_blocks_run(page: str, tmp_path: Path) -> None:
    folder = tmp_path
    commands = [c for b in CONSOLE.findall((ROOT / page).read_text()) for c in b.splitlines()]
    assert commands
    for command in commands:
        if command.startswith("cd "):
            folder /= command.removeprefix("cd ")
            continue
        shell = command.replace("triphammer ", f"{shlex.quote(sys.executable)} -m triphammer ", 1)
        done = subprocess.run(
            ["bash", "-c", shell], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_a_new_project_passes_its_own_test(tmp_path: Path) -> None:
    for command in (["init", "demo"], ["check"]):
        folder = tmp_path / "demo" if command == ["check"] else tmp_path
        done = subprocess.run(
            [sys.executable, "-m", "triphammer", *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "demo",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
