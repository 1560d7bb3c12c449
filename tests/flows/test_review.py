"""Warnings about what is probably not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.support import FIRST_LINE, load_text

TASKS = """
@task(timeout="3s")
def slow(): ...

@task(timeout="3s")
async def killable(): ...

@task
def quick(): ...

@flow
def sample():
    {line}
"""
PLACE = f"flows/sample.py:{FIRST_LINE + 9}: "


@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("slow(); slow()", [f"{PLACE}slow has a timeout= but runs in a thread"]),
        ("quick.options(timeout=1)()", [f"{PLACE}quick has a timeout= but runs in a thread"]),
        (
            "killable.options(executor='dask')()",
            [f"{PLACE}killable has a timeout= but runs on a Dask worker"],
        ),
        ("slow.options(executor='process')()", []),
        ("slow.options(timeout=None)(); killable(); quick()", []),
        ("publish.options(timeout=1)('t')", []),
        ("pass", [f"{PLACE}sample draws no task: its runs do nothing"]),
    ],
)
def test_warnings(tmp_path: Path, line: str, warnings: list[str]) -> None:
    found = load_text(tmp_path, TASKS.replace("{line}", line))
    assert len(found.warnings) == len(warnings)
    for warning, begin in zip(found.warnings, warnings, strict=True):
        assert warning.startswith(begin)
