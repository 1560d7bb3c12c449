"""The pytest plugin, in suites of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("triphammer.testing", "triphammer.flows", "triphammer.service", "anyio", "msgspec")

USES = """
import pytest
from triphammer import flow, task

@task
async def one() -> int:
    return 1

@flow
def single():
    return one()

def test_it_begins(triphammer_sim):
    sim = triphammer_sim(single)
    assert sim.start(single).result == 1

def test_two_at_once(triphammer_sim):
    first, second = triphammer_sim(single), triphammer_sim(single)
    first.advance("1d")
    assert first.start(single).result == second.start(single).result
    assert first.now != second.now

@pytest.mark.xfail(raises=ZeroDivisionError, strict=True)
def test_it_ends_with_a_test_that_fails(triphammer_sim):
    triphammer_sim(single).start(single)
    1 / 0
"""
USES_NOT = f"""
import sys

def test_nothing_is_imported():
    heavy = [name for name in {HEAVY!r} if name in sys.modules]
    assert heavy == []
"""


def suite(folder: Path, text: str, *options: str) -> str:
    """What pytest prints of a suite that turns warnings into errors."""
    (folder / "test_suite.py").write_text(text)
    (folder / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings =\n    error\naddopts = --strict-markers -p no:cacheprovider\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pytest", "-q", "-rA", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_fixture_begins_and_ends_simulations(tmp_path: Path) -> None:
    assert "2 passed, 1 xfailed" in suite(tmp_path, USES)


def test_a_suite_that_does_not_use_it_pays_nothing(tmp_path: Path) -> None:
    # Other plugins of this environment would bring some of it along.
    others = [
        o for name in ("anyio", "schemathesis", "hypothesispytest") for o in ("-p", f"no:{name}")
    ]
    suite(tmp_path, USES_NOT, *others)
