"""`docs/client.md` is true: its flow is served, its scripts and commands run against it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.process import DaemonProcess, project
from tests.house.tracked import ROOT

PAGE = (ROOT / "docs" / "client.md").read_text()
FLOWS, *SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
(COMMANDS,) = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    folder = project(tmp_path_factory.mktemp("client") / "project", {"orders": FLOWS})
    with DaemonProcess(folder) as daemon:
        yield daemon


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_run(daemon: DaemonProcess, tmp_path: Path, script: str) -> None:
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=tmp_path,
        env={**daemon.env, "TRIPHAMMER_URL": daemon.url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_scripts_are_typed(tmp_path: Path) -> None:
    """As the page says: strict checkers know what the client answers, and what it does not."""
    for number, script in enumerate(SCRIPTS):
        (tmp_path / f"script_{number}.py").write_text(script)
    (tmp_path / "wrong.py").write_text(WRONG)
    found = _mypy(tmp_path, *(f"script_{number}.py" for number in range(len(SCRIPTS))))
    assert found.returncode == 0, found.stdout
    wrong = _mypy(tmp_path, "wrong.py").stdout
    assert '"stat" is not a valid TypedDict key' in wrong
    assert wrong.count("error:") == 3, wrong


WRONG = """
from triphammer import Client

client = Client()
client.run("run_1")["stat"]
client.start(3)
client.runs(state="done")
"""


def _mypy(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *files],
        cwd=folder,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS.splitlines())
def test_commands_run(daemon: DaemonProcess, command: str) -> None:
    name, *arguments = shlex.split(command)
    assert name == "triphammer"
    done = daemon.cli(*arguments)
    assert done.returncode == 0, done.stderr
