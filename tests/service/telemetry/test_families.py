"""The list of metrics: well-named, and the same as people read it."""

from __future__ import annotations

import re

import pytest

from tests.house.tracked import ROOT
from triphammer.service.metrics import Family
from triphammer.service.telemetry.families import ALL

PAGE = (ROOT / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)
LABELS = {
    "breaker", "executor", "flow", "kind", "loop", "method", "outcome", "part", "partition",
    "pool", "python", "route", "sensor", "state", "status", "topic", "version",
}  # fmt: skip
"""Each is bounded: by what is configured or loaded, or by `Names`."""


def test_no_name_comes_twice() -> None:
    assert len({family.name for family in ALL}) == len(ALL)


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_it_is_named_by_the_rules(family: Family) -> None:
    assert re.fullmatch(r"(triphammer|process)_[a-z][a-z_]*[a-z]", family.name)
    assert family.name.endswith("_total") == (family.type == "counter")
    assert not re.search(r"_(ms|milliseconds|micro\w+|kb|mb|percent)\b", family.name)
    assert bool(family.buckets) == (family.type == "histogram")
    assert list(family.buckets) == sorted(set(family.buckets))
    assert set(family.labels) <= LABELS
    assert family.help.endswith(".")


def test_the_page_tells_of_each_in_the_same_words() -> None:
    told = {row[1]: (row[2], row[3].strip(), row[4].strip()) for row in ROW.finditer(PAGE)}
    there = {
        family.name: (
            family.type,
            ", ".join(f"`{label}`" for label in family.labels),
            family.help,
        )
        for family in ALL
    }
    assert told == there
