"""Flow files pass the strict modes of mypy and pyright, and load."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from triphammer.flows.loader import load_files, load_flows

ROOT = Path(__file__).parent.parent.parent
SAMPLE = Path(__file__).parent / "typed_sample.py"
EXAMPLES = sorted((ROOT / "examples" / "flows").glob("*.py"))


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sample_loads_and_draws_all_it_uses() -> None:
    found = load_files(ROOT, [SAMPLE])
    assert (list(map(str, found.errors)), list(found.warnings)) == ([], [])
    assert set(found.flows["orders"].graph.nodes) == {
        "parse",
        "enrich",
        "load",
        "billed",
        "send_webhook",
        "hourly/parse",
        "start",
        "publish",
    }


def test_the_examples_load() -> None:
    found = load_flows(ROOT / "examples", ROOT / "examples" / "flows")
    assert (list(map(str, found.errors)), list(found.warnings)) == ([], [])
    assert EXAMPLES


@pytest.mark.slow
def test_mypy_strict_is_content_with_flow_files(tmp_path: Path) -> None:
    cache = f"--cache-dir={tmp_path}"
    run("mypy", "--strict", cache, str(SAMPLE), *map(str, EXAMPLES))


@pytest.mark.slow
def test_pyright_strict_is_content_with_flow_files(tmp_path: Path) -> None:
    """In a project of their own: with files on its command line pyright reads no settings."""
    for file in (SAMPLE, *EXAMPLES):
        shutil.copy(file, tmp_path)
    settings = {"include": ["."], "extraPaths": [str(ROOT)], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = ("pyright", "--project", str(tmp_path), "--pythonpath", sys.executable)
    run(*command)
    (tmp_path / "untyped.py").write_text("def f(x): return x\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="reportUnknownParameterType"):
        run(*command)
