"""Values of users in the shape in which a page shows them: a table, a chart, text, a file, JSON.

A chart is asked for by its shape: `{"chart": {"x": [...], "series": {"name": [...]}}}`, with
`"title"` and `"kind"` ("line" or "bars") if wanted. `x` are numbers, times (RFC 3339) or names.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal, TypeGuard, TypeVar

import msgspec

ROWS = 100
"""Rows of a table on one page."""
COLUMNS = 40
CELL = 300
"""Characters of a cell, and of a value that is told in one line."""
SERIES, POINTS = 12, 20_000
LONGEST_TEXT = 200_000
"""Characters of a text or of JSON that is shown."""
DEEPEST = 100
"""So deep a value is looked into: more than anybody reads, and less than would end the stack."""
TOO_DEEP = "(nested too deep to be shown)"
T = TypeVar("T")
Mask = Callable[[str], str]
Kind = Literal["nothing", "text", "table", "chart", "file", "json"]


@dataclass(frozen=True, slots=True)
class Table:
    """Some rows of a table; `at` is the number of the first of them, `total` how many there are
    (None: nobody has counted)."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[bool]
    at: int
    total: int | None
    more: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines or bars over `x`. `labels` name the places of `x` where these are no numbers;
    `is_time`: they are seconds since 1970."""

    title: str
    kind: Literal["line", "bars"]
    x: Sequence[float]
    labels: Sequence[str]
    is_time: bool
    series: Mapping[str, Sequence[float | None]]

    @property
    def table(self) -> Table:
        """The same as numbers."""
        heads = ["x", *self.series]
        columns = [self.labels or [f"{x:g}" for x in self.x], *self.series.values()]
        rows = [[_cell(column[n]) for column in columns] for n in range(min(len(self.x), ROWS))]
        numeric = [False, *(True for _ in self.series)]
        return Table(heads, rows, numeric, 0, len(self.x), len(self.x) > ROWS)


@dataclass(frozen=True, slots=True)
class FileValue:
    """A file that a task has kept."""

    digest: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A value in its shape; of the other fields the one of its `kind` is set. `cut`: it is longer
    than what is shown."""

    kind: Kind
    text: str = ""
    table: Table | None = None
    chart: Chart | None = None
    file: FileValue | None = None
    cut: bool = False


NOTHING = Shown("nothing")


def shown_value(value: Any, mask: Mask, at: int = 0) -> Shown:
    """A decoded result in the shape that fits it, a table from its row `at` on.

    Secrets are hidden before anything is cut: half of one would not be known again.
    """
    return _shown(hidden(value, mask), at)


def _shown(value: Any, at: int) -> Shown:
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return Shown("text", text=value[:LONGEST_TEXT], cut=len(value) > LONGEST_TEXT)
    chart = _chart(value)
    if chart is not None:
        return Shown("chart", chart=chart)
    file = _file(value)
    if file is not None:
        return Shown("file", file=file)
    rows = _rows(value)
    if rows:
        return Shown("table", table=table_of(rows, at))
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return Shown("json", text=text[:LONGEST_TEXT], cut=len(text) > LONGEST_TEXT)


def in_short(value: Any, mask: Mask) -> str:
    """A value in one line, its secrets hidden."""
    return _cell(hidden(value, mask))


def hidden(value: Any, mask: Mask, deep: int = DEEPEST) -> Any:
    """A decoded value with the secrets in its texts hidden, as far as it is nested no deeper
    than `deep`."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, (list, dict)) and not deep:
        return TOO_DEEP  # even to write it down would go as deep again
    if isinstance(value, list):
        return [hidden(one, mask, deep - 1) for one in _as(list[Any], value)]
    if isinstance(value, dict):
        items = _as(dict[str, Any], value).items()
        return {mask(key): hidden(one, mask, deep - 1) for key, one in items}
    return value


def _as(kind: type[T], value: Any) -> T:
    """A decoded value that is of this kind, for the checkers."""
    found: T = value
    return found


def table_of(rows: Sequence[Mapping[str, Any]], at: int = 0) -> Table:
    """Records as a table; its heads are all the names that its rows have, in their order."""
    page = rows[at : at + ROWS]
    heads = list(dict.fromkeys(name for row in page for name in row))[:COLUMNS]
    cells = [[_cell(row.get(head, "")) for head in heads] for row in page]
    numeric = [all(_is_number(row.get(head)) for row in page) for head in heads]
    return Table(heads, cells, numeric, at, len(rows), at + ROWS < len(rows))


def csv_table(text: str, *, whole: bool, delimiter: str = ",") -> Table:
    """The first rows of a CSV file, of which `text` is the beginning or the whole."""
    lines = text.splitlines()
    if not whole:
        lines = lines[:-1]  # the last one may be cut
    reader = csv.reader(lines[: ROWS * 20], delimiter=delimiter)
    some = islice(reader, ROWS + 2)
    rows = [[_cell(cell) for cell in row[:COLUMNS]] for row in some]
    heads, body = (rows[0], rows[1 : ROWS + 1]) if rows else ([], [])
    total = None if not whole or len(rows) > ROWS + 1 else len(body)
    numeric = [
        bool(body) and all(_reads_as_number(row[n]) for row in body if n < len(row))
        for n in range(len(heads))
    ]
    return Table(heads, body, numeric, 0, total, total is None)


def _rows(value: Any) -> Sequence[Mapping[str, Any]]:
    """A list of records; empty where it is none."""
    try:
        return msgspec.convert(value, list[dict[str, Any]])
    except msgspec.ValidationError:
        return ()


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= CELL else f"{text[: CELL - 1]}\N{HORIZONTAL ELLIPSIS}"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True


class _Artifact(msgspec.Struct, forbid_unknown_fields=True):
    """What `flows.artifacts.shown` tells of one."""

    artifact: str
    name: str
    media_type: str
    size: int


def _file(value: Any) -> FileValue | None:
    """The artifact that a value is; None where it is none."""
    try:
        told = msgspec.convert(value, _Artifact)
    except msgspec.ValidationError:
        return None
    return FileValue(told.artifact, told.name, told.media_type, told.size)


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What a chart says of itself."""

    x: list[float | str]
    series: dict[str, list[float | None]]
    title: str = ""
    kind: Literal["line", "bars"] = "line"


class _Charted(msgspec.Struct, forbid_unknown_fields=True):
    """A value that is a chart and nothing else."""

    chart: _Asked


def _chart(value: Any) -> Chart | None:
    """The chart that a value is; None where its shape is not that of one."""
    try:
        asked = msgspec.convert(value, _Charted).chart
    except msgspec.ValidationError:
        return None
    fits = all(len(ys) == len(asked.x) for ys in asked.series.values())
    if not fits or not 0 < len(asked.x) <= POINTS or not 0 < len(asked.series) <= SERIES:
        return None
    x, labels, is_time = _axis(asked.x)
    return Chart(asked.title[:200], asked.kind, x, labels, is_time, asked.series)


def _axis(x: Sequence[float | str]) -> tuple[Sequence[float], Sequence[str], bool]:
    """Places, their names where they have any, and whether they are times."""
    numbers = [one for one in x if not isinstance(one, str)]
    if len(numbers) == len(x) and sorted(numbers) == numbers:
        return numbers, (), False
    labels = [_cell(one) for one in x]
    try:
        moments = [datetime.fromisoformat(one).timestamp() for one in labels]
    except ValueError:
        return list(map(float, range(len(x)))), labels, False
    if sorted(moments) != moments:
        return list(map(float, range(len(x)))), labels, False
    return moments, labels, True
