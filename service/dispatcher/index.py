"""Finds the entries an event may match by hash, prefix and interval look-ups.

Every entry is filed under one clause only, its most selective one: the clause whose path has
the most entries told apart by it. An event then visits each indexed path once, so the cost
grows with the paths and the true candidates, not with the number of entries.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from triphammer.config.patterns import Clause, Compiled, values_at
from triphammer.sensors.event import Event

Path = tuple[str, ...]


class PrefixTable:
    """Entries by the prefixes they ask for; a look-up costs one probe a prefix length."""

    def __init__(self) -> None:
        self._by_prefix: defaultdict[str, list[int]] = defaultdict(list)
        self._lengths: list[int] = []

    def add(self, prefix: str, entry: int) -> None:
        self._by_prefix[prefix].append(entry)
        if len(prefix) not in self._lengths:
            insort(self._lengths, len(prefix))

    def find(self, text: str) -> Iterator[int]:
        for length in self._lengths:
            if length > len(text):
                return
            yield from self._by_prefix.get(text[:length], ())


class IntervalTable:
    """Entries by closed number intervals: a centred interval tree, built once on first use.

    Open ends are treated as closed: the pattern itself decides, this only finds candidates.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[float, float, int]] = []
        self._root: _IntervalNode | None = None

    def add(self, low: float, high: float, entry: int) -> None:
        self._pending.append((low, high, entry))
        self._root = None

    def find(self, number: float) -> Iterator[int]:
        if self._root is None:
            self._root = _IntervalNode(self._pending)
        node: _IntervalNode | None = self._root
        while node is not None:
            yield from node.around(number)
            node = node.left if number < node.centre else node.right


class _IntervalNode:
    def __init__(self, intervals: Sequence[tuple[float, float, int]]) -> None:
        ends = sorted(end for low, high, _ in intervals for end in (low, high))
        self.centre = ends[len(ends) // 2]
        here = [i for i in intervals if i[0] <= self.centre <= i[1]]
        below = [i for i in intervals if i[1] < self.centre]
        above = [i for i in intervals if i[0] > self.centre]
        self._lows = sorted((low, entry) for low, _, entry in here)
        self._highs = sorted((-high, entry) for _, high, entry in here)
        self.left = _IntervalNode(below) if below else None
        self.right = _IntervalNode(above) if above else None

    def around(self, number: float) -> Iterator[int]:
        ordered, key = (self._lows, number) if number <= self.centre else (self._highs, -number)
        end = bisect_right(ordered, key, key=lambda pair: pair[0])
        return (entry for _, entry in ordered[:end])


class PathTable:
    """All entries that are filed under one path of the event."""

    def __init__(self, path: Path) -> None:
        self._values = values_at(path)
        self._exact: defaultdict[Any, list[int]] = defaultdict(list)
        self._prefixes = PrefixTable()
        self._intervals = IntervalTable()
        self._has_intervals = False

    def add(self, clause: Clause, entry: int) -> None:
        for value in clause.exact:
            self._exact[_hashable(value)].append(entry)
        for prefix in clause.prefixes:
            self._prefixes.add(prefix, entry)
        for low, high in clause.intervals:
            self._has_intervals = True
            self._intervals.add(low, high, entry)

    def candidates(self, event: Event) -> Iterator[int]:
        """The entries whose clause holds for some value at the path."""
        for value in self._values(event):
            yield from self._find(value)

    def _find(self, value: Any) -> Iterator[int]:
        if isinstance(value, (str, int, float, bool)) or value is None:
            yield from self._exact.get(_hashable(value), ())
        if isinstance(value, str):
            yield from self._prefixes.find(value)
        elif self._has_intervals and isinstance(value, (int, float)):
            yield from self._intervals.find(value)


class CandidateIndex:
    """Which of the numbered entries an event may match: a superset of those that do."""

    def __init__(self, entries: Sequence[Sequence[Compiled]]) -> None:
        clauses = [[c for compiled in entry for c in compiled.clauses] for entry in entries]
        crowd = Counter(_slot(c, k) for entry in clauses for c in entry for k in _keys(c))
        self._paths: dict[Path, PathTable] = {}
        self._always: list[int] = []
        for number, entry in enumerate(clauses):
            self._file(number, entry, crowd)

    def _file(self, number: int, clauses: Sequence[Clause], crowd: Counter[Any]) -> None:
        if not clauses:
            self._always.append(number)
            return
        best = min(clauses, key=lambda c: sum(crowd[_slot(c, k)] for k in _keys(c)))
        if best.path not in self._paths:
            self._paths[best.path] = PathTable(best.path)
        self._paths[best.path].add(best, number)

    def candidates(self, event: Event) -> list[int]:
        """The entries' numbers in order, each once."""
        found = set(self._always)
        for table in self._paths.values():
            found.update(table.candidates(event))
        return sorted(found)


def _keys(clause: Clause) -> Iterable[Any]:
    yield from (_hashable(v) for v in clause.exact)
    yield from (("prefix", p) for p in clause.prefixes)
    yield from (("interval", i) for i in clause.intervals)


def _slot(clause: Clause, key: Any) -> tuple[Path, Any]:
    return clause.path, key


def _hashable(value: Any) -> Any:
    # True == 1 in Python but not in JSON: keep them apart.
    return ("bool", value) if isinstance(value, bool) else value
