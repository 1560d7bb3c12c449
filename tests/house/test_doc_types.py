"""The examples and the pages' Python pass mypy and pyright, both strict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.test_docs import PAGES, PYTHON
from tests.house.tracked import ROOT

pytestmark = pytest.mark.slow


def _flows_of(page: str) -> str:
    """The page's blocks but its tests, which are plain pytest."""
    blocks = PYTHON.findall((ROOT / page).read_text())
    return "\n".join(block for block in blocks if "def test_" not in block)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_what_the_pages_show_is_strictly_typed(checker: str, tmp_path: Path) -> None:
    for page in PAGES:
        (tmp_path / f"{Path(page).stem.lower().replace('-', '_')}.py").write_text(_flows_of(page))
    names = [str(file) for file in sorted(tmp_path.glob("*.py"))]
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    command = {
        "mypy": [sys.executable, "-m", "mypy", "--strict", "--no-incremental", *names],
        "pyright": [sys.executable, "-m", "pyright", "--project", str(tmp_path)],
    }[checker]
    env = {"MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
