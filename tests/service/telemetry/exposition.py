"""Reads the Prometheus text format 0.0.4 and refuses what Prometheus, or promtool, would."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LINE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|\Z)')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
Labels = frozenset[tuple[str, str]]


@dataclass
class Read:
    """One family as it was read; samples by name and labels."""

    name: str
    help: str
    type: str = ""
    samples: dict[tuple[str, Labels], float] = field(
        default_factory=dict[tuple[str, Labels], float]
    )

    def value(self, **labels: str) -> float:
        """The figure with just these labels."""
        return self.samples[self.name, frozenset(labels.items())]

    def values(self, label: str) -> set[str]:
        """All values that a label has."""
        return {value for _, labels in self.samples for name, value in labels if name == label}


def read(text: str) -> Mapping[str, Read]:
    """The families of an exposition. Raises AssertionError where it is not well-formed."""
    assert text.endswith("\n"), "the last line must end"
    families: dict[str, Read] = {}
    now: Read | None = None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, help = line[7:].partition(" ")
            assert name not in families, f"{name} comes twice"
            now = families[name] = Read(name, help)
        elif line.startswith("# TYPE "):
            name, _, type = line[7:].partition(" ")
            assert now is not None, line
            assert (now.name, now.type, now.samples) == (name, "", {}), line
            assert type in ("counter", "gauge", "histogram"), line
            now.type = type
        else:
            assert now is not None, f"a sample before its family: {line}"
            _sample(now, line)
    for family in families.values():
        _check(family)
    return families


def _sample(family: Read, line: str) -> None:
    found = LINE.match(line)
    assert found, f"no sample: {line!r}"
    name, labels, value = found[1], _labels(found[2] or ""), float(found[3])
    ends = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
    assert name in [family.name + end for end in ends], f"{name} stands in {family.name}"
    assert (name, labels) not in family.samples, f"twice: {line}"
    family.samples[name, labels] = value


def _labels(text: str) -> Labels:
    found: list[tuple[str, str]] = []
    while text:
        label = LABEL.match(text)
        assert label, f"no label: {text!r}"
        value = re.sub(r'\\[\\"n]', lambda escape: ESCAPES[escape[0]], label[2])
        found.append((label[1], value))
        text = text[label.end() :]
    assert len(dict(found)) == len(found), "a label comes twice"
    return frozenset(found)


def _check(family: Read) -> None:
    assert family.help, family.name
    assert family.type, family.name
    assert family.name.endswith("_total") == (family.type == "counter"), family.name
    if family.type == "counter":
        assert all(value >= 0 for value in family.samples.values()), family.name
    if family.type == "histogram":
        _check_histogram(family)


def _check_histogram(family: Read) -> None:
    buckets: dict[Labels, dict[float, float]] = {}
    for (name, labels), value in family.samples.items():
        if name == family.name + "_bucket":
            (bound,) = [float(v) for n, v in labels if n == "le"]
            rest = frozenset(item for item in labels if item[0] != "le")
            buckets.setdefault(rest, {})[bound] = value
    for labels, found in buckets.items():
        counts = [found[bound] for bound in sorted(found)]
        assert counts == sorted(counts), f"{family.name}: buckets must add up"
        assert found[math.inf] == family.samples[family.name + "_count", labels]
        assert (family.name + "_sum", labels) in family.samples
