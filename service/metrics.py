"""`/metrics` in the Prometheus text format, version 0.0.4."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Literal

import msgspec

CONTENT_TYPE = "text/plain; version=0.0.4"


class Family(msgspec.Struct, frozen=True):
    """What a metric is: its name, kind, meaning and labels; of a histogram also the upper bounds
    of its buckets."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def of(self, samples: Mapping[tuple[str], float] | Mapping[tuple[str, ...], float]) -> Metric:
        """Its figures, by the values of its labels."""
        return Metric(self, tuple(sorted(samples.items())))

    def one(self, value: float) -> Metric:
        """Its only figure, where it has no labels."""
        return Metric(self, (((), value),))


class Spread(msgspec.Struct, frozen=True):
    """What a histogram holds for one set of labels: how many in each bucket, those beyond the
    last bound at the end, and the sum of all."""

    counts: tuple[int, ...]
    sum: float


class Metric(msgspec.Struct, frozen=True):
    """A counter or gauge: its figures by the values of its labels, in their order."""

    family: Family
    samples: Sequence[tuple[tuple[str, ...], float]]


class Distribution(msgspec.Struct, frozen=True):
    """The same of a histogram."""

    family: Family
    samples: Sequence[tuple[tuple[str, ...], Spread]]


Figures = Metric | Distribution


class Counters:
    """A counter for each set of labels."""

    __slots__ = ("_counts", "family")

    def __init__(self, family: Family) -> None:
        self.family = family
        self._counts: dict[tuple[str, ...], float] = {}

    def add(self, labels: tuple[str, ...], by: float = 1) -> None:
        """Count `by` more."""
        self._counts[labels] = self._counts.get(labels, 0) + by

    def read(self) -> Metric:
        """The counts as they stand."""
        return self.family.of(self._counts)


class Histograms:
    """A histogram for each set of labels."""

    __slots__ = ("_counts", "_sums", "family")

    def __init__(self, family: Family) -> None:
        self.family = family
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def observe(self, labels: tuple[str, ...], value: float) -> None:
        """Take one value in."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self.family.buckets) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(self.family.buckets, value)] += 1
        self._sums[labels] += value

    def read(self) -> Distribution:
        """The histograms as they stand."""
        spreads = {k: Spread(tuple(v), self._sums[k]) for k, v in self._counts.items()}
        return Distribution(self.family, tuple((k, spreads[k]) for k in sorted(spreads)))


def render(metrics: Iterable[Figures]) -> str:
    """The exposition text of `metrics`."""
    lines: list[str] = []
    for metric in metrics:
        family = metric.family
        lines.append(f"# HELP {family.name} {_help(family.help)}")
        lines.append(f"# TYPE {family.name} {family.type}")
        for values, figure in metric.samples:
            labels = dict(zip(family.labels, values, strict=True))
            if isinstance(figure, Spread):
                lines += _spread(family, labels, figure)
            else:
                lines.append(f"{family.name}{_labels(labels)} {_number(figure)}")
    return "\n".join(lines) + "\n"


def _spread(family: Family, labels: Mapping[str, str], spread: Spread) -> Iterator[str]:
    bounds = [*map(_number, family.buckets), "+Inf"]
    total = 0
    for bound, total in zip(bounds, accumulate(spread.counts), strict=True):
        yield f"{family.name}_bucket{_labels({**labels, 'le': bound})} {total}"
    yield f"{family.name}_sum{_labels(labels)} {_number(spread.sum)}"
    yield f"{family.name}_count{_labels(labels)} {total}"


def _number(value: float) -> str:
    """All digits: a counter that is rounded stands still, and then jumps."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(v)}"' for name, v in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
