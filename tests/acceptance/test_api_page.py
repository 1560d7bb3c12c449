"""`docs/api.md` is run: its commands and its Python, as one script, against a daemon."""

from __future__ import annotations

import subprocess
import sys

from tests.acceptance.conftest import Serve
from tests.house.test_docs import PYTHON, SHELL
from tests.house.tracked import ROOT
from triphammer.service.hub import KEPT
from triphammer.service.web.once import MOST

FLOWS = {
    "greet": """
from triphammer import flow, task

@task
def greeting(name: str) -> str:
    return f"Hello, {name}"

@flow
def greet(name: str = "world"):
    return greeting(name)
"""
}
PAGE = (ROOT / "docs" / "api.md").read_text()
DEFAULT = "http://127.0.0.1:8420"


def test_the_python_blocks_run(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    daemon.post("/api/v1/flows/greet/runs")
    daemon.wait_for_runs("greet")
    script = "\n".join(PYTHON.findall(PAGE)).replace(DEFAULT, daemon.url)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Hello, world" in done.stdout
    assert done.stdout.endswith("Hello, live\n")
    results = sorted(run["result"] for run in daemon.wait_for_runs("greet", 3))
    assert results == ["Hello, live", "Hello, twice", "Hello, world"]


def test_the_commands_run(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    commands = [line for block in SHELL.findall(PAGE) for line in block.splitlines()]
    assert len(commands) == 2
    for command in commands:
        shell = command.replace(DEFAULT, daemon.url).replace("curl ", "curl --fail-with-body ", 1)
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert daemon.wait_for_runs("greet")[0]["result"] == "Hello, you"


def test_the_figures_are_those_of_the_code() -> None:
    assert f"the last {KEPT:,} news" in PAGE
    assert f"the last {MOST:,} keys" in PAGE
