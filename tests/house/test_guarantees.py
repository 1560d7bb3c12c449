"""The tests that pages name are there, and every planted fault stands among the guarantees."""

from __future__ import annotations

import re

import pytest

from tests.chaos.planted import PLANTED
from tests.house.tracked import ROOT

PAGE = (ROOT / "docs" / "guarantees.md").read_text()
LINKING = PAGE + (ROOT / "docs" / "from-airflow.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", LINKING)))
MODULES = sorted(set(re.findall(r"`python -m ([\w.]+)", PAGE)))
PROMISES = [f"I{number}" for number in range(1, 8)]


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_each_test_is_there(file: str, name: str) -> None:
    named = name or r"test_\w+"
    assert re.search(rf"^(async )?def {named}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_has_a_test(promise: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {promise} |"))
    assert "::" in row


@pytest.mark.parametrize("module", MODULES)
def test_each_command_is_there(module: str) -> None:
    place = ROOT / module.replace(".", "/")
    assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


def test_every_planted_fault_is_listed() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(PLANTED)
