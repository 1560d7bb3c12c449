"""The pinned requirements fit what is declared, and hold whatever index is used."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.house.tracked import ROOT

FILES = sorted((ROOT / "requirements").glob("*.txt"))
HASHES = r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
PIN = re.compile(rf"^([\w.-]+)==(\S+)(?: ;.*?)? \\\n{HASHES}", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """Versions by name in `requirements/<name>.txt`."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {found[1].lower().replace("_", "-"): found[2] for found in PIN.finditer(text)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_line_is_a_version_with_hashes_or_a_remark(file: Path) -> None:
    text = PIN.sub("", file.read_text())
    assert [line for line in text.splitlines() if line and not line.lstrip().startswith("#")] == []


def test_what_runs_is_pinned_as_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = pins("run")
    for declared in map(Requirement, project["dependencies"]):
        assert declared.specifier.contains(pinned[declared.name.lower()]), declared


@pytest.mark.parametrize("name", ["build", "dev", "fuzz"])
def test_what_is_asked_for_is_pinned(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
    asked = [Requirement(line).name for line in lines if line and not line.startswith("-c")]
    assert set(asked) <= set(pins(name)) | set(pins("run"))


def test_one_version_everywhere() -> None:
    run, dev = pins("run"), pins("dev")
    assert {name: dev[name] for name in run.keys() & dev.keys()} == {
        name: run[name] for name in run.keys() & dev.keys()
    }
