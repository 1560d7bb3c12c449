"""The house rules that a program can check."""

from __future__ import annotations

import re
import statistics
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.house.tracked import ROOMS, ROOT, tracked

# In parts, so that this file does not name them either.
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("yarnpkg", "com"),
    ("anaconda", "org"),
    ("maven", "apache"),
    ("maven", "org"),
    ("mvnrepository", "com"),
    ("deb", "debian"),
)
REGISTRY = re.compile("|".join(rf"\b{name}\.{end}" for name, end in REGISTRIES))


@pytest.mark.parametrize("room", ROOMS)
def test_the_four_links_lead_to_the_rooms(room: str) -> None:
    assert (ROOT / "triphammer" / room).readlink() == Path("..") / room
    done = subprocess.run(
        ["git", "ls-files", "-s", f"triphammer/{room}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("120000 "), "git keeps it as a link"


def test_files_are_small() -> None:
    files = [f for f in tracked("*.py") if not (ROOT / f).is_symlink()]
    lengths = {f: len((ROOT / f).read_text().splitlines()) for f in files}
    assert {f: n for f, n in lengths.items() if n > 600} == {}
    code = [n for f, n in lengths.items() if f.startswith(ROOMS)]
    assert statistics.median(code) <= 170


def test_no_file_names_a_package_registry() -> None:
    found = [
        name
        for name in tracked()
        if (ROOT / name).is_file() and REGISTRY.search((ROOT / name).read_text(errors="replace"))
    ]
    assert found == []


def test_the_core_declares_at_most_18_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= 18
    reasons = (ROOT / "docs" / "design.md").read_text()
    for dependency in project["dependencies"]:
        name = re.split(r"[\[<>=;~ ]", dependency)[0]
        assert f"| {name} |" in reasons, name


def test_the_face_is_a_list_that_can_be_had() -> None:
    import triphammer

    assert sorted(triphammer.__all__) == triphammer.__all__
    for name in triphammer.__all__:
        assert getattr(triphammer, name) is not None
    assert set(triphammer.__all__) <= set(dir(triphammer))
