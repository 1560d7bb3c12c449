"""The tests that pages name are there, and every planted fault stands among the guarantees."""

from __future__ import annotations

import re

import pytest

from tests.chaos.planted import PLANTED
from tests.house.tracked import ROOT

COMING_FROM = ("airflow", "kubeflow", "prefect")
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
COMING = {name: (ROOT / "docs" / f"from-{name}.md").read_text() for name in COMING_FROM}
LINKING = PAGE + "".join(COMING.values())
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


@pytest.mark.parametrize("name", COMING_FROM)
def test_each_row_of_a_comparison_has_its_test_or_is_said_to_be_missing(name: str) -> None:
    rows = [line for line in COMING[name].splitlines() if line.startswith("| ")]
    bare = [r for r in rows if "proved by" not in r and "`tests/" not in r and "missing" not in r]
    assert bare == []
