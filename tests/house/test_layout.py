"""The house rules that a program can check."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys

import pytest

from tests.house.tracked import ROOMS, ROOT, tracked

REGISTRY = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|npmjs|maven|debian)[\w.-]*")


@pytest.mark.parametrize("room", ROOMS)
def test_the_four_links_lead_to_the_rooms(room: str) -> None:
    link = ROOT / "triphammer" / room
    assert link.is_symlink()
    assert link.resolve() == ROOT / room


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
        if (ROOT / name).is_file()
        and name != "tests/house/test_layout.py"
        and REGISTRY.search((ROOT / name).read_text(errors="replace"))
    ]
    assert found == []


def test_the_core_declares_at_most_18_dependencies() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= 18
    reasons = (ROOT / "docs" / "design.md").read_text()
    for dependency in project["dependencies"]:
        name = re.split(r"[\[<>=;~ ]", dependency)[0]
        assert f"| {name} |" in reasons, name


def test_importing_flows_loads_nothing_heavy() -> None:
    program = (
        "import sys, triphammer.flows.task, triphammer.flows.flow, triphammer.flows.codec;"
        "print([m for m in ('fastapi', 'aiokafka', 'httpx', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_face_is_a_list_that_can_be_had() -> None:
    import triphammer

    assert sorted(triphammer.__all__) == triphammer.__all__
    for name in triphammer.__all__:
        assert getattr(triphammer, name) is not None
    assert set(triphammer.__all__) <= set(dir(triphammer))


def test_a_top_level_import_of_a_room_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "service/x.py", "-"],
        cwd=ROOT,
        input="import flows\n\nflows.x()\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TID251" in done.stdout
