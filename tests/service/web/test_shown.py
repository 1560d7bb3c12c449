from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.masking import MASK, Masker
from triphammer.service.web.shown import CELL, ROWS, TOO_DEEP, csv_table, in_short, shown_value


def seen(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "nothing"),
        ("text", "text"),
        (3, "json"),
        ([], "json"),
        ([1, 2], "json"),
        ({"a": 1}, "json"),
        ([{"a": 1}, {"b": 2}], "table"),
        ([{"a": 1}, 2], "json"),
        ({"artifact": "ab", "name": "n", "media_type": "text/csv", "size": 3}, "file"),
        ({"artifact": "ab", "name": "n", "media_type": "text/csv", "size": 3, "x": 1}, "json"),
        ({"chart": {"x": [1, 2], "series": {"a": [1, None]}}}, "chart"),
        ({"chart": {"x": [1, 2], "series": {"a": [1]}}}, "json"),
        ({"chart": {"x": [], "series": {}}}, "json"),
        ({"chart": {"x": [1], "series": {"a": [1]}, "color": "red"}}, "json"),
        ({"chart": {"x": [1], "series": {"a": [1]}}, "b": 1}, "json"),
    ],
)
def test_a_value_is_shown_by_its_shape(value: Any, kind: str) -> None:
    assert shown_value(value, seen).kind == kind


def test_rows_are_a_table_in_pages() -> None:
    rows = [{"id": n, "name": "x" * CELL * 2} for n in range(ROWS + 5)]
    table = shown_value(rows, seen).table
    assert table is not None
    assert (table.heads, table.numeric) == (["id", "name"], [True, False])
    assert (len(table.rows), table.total, table.more) == (ROWS, ROWS + 5, True)
    assert len(table.rows[0][1]) == CELL
    last = shown_value(rows, seen, at=ROWS).table
    assert last is not None
    assert ([row[0] for row in last.rows], last.more) == (
        ["100", "101", "102", "103", "104"],
        False,
    )


@pytest.mark.parametrize(
    ("x", "places", "labels", "is_time"),
    [
        ([1, 2.5], [1, 2.5], (), False),
        ([2, 1], [0, 1], ["2", "1"], False),
        (["a", "b"], [0, 1], ["a", "b"], False),
        (
            ["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"],
            [1, 2],
            ["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"],
            True,
        ),
    ],
)
def test_the_places_of_a_chart_are_numbers_times_or_names(
    x: list[Any], places: list[float], labels: list[str], is_time: bool
) -> None:
    chart = shown_value({"chart": {"x": x, "series": {"a": [1, 2]}}}, seen).chart
    assert chart is not None
    shown = [label.removesuffix(".0") for label in chart.labels]
    assert (list(chart.x), shown, chart.is_time) == (places, list(labels), is_time)
    assert [len(row) for row in chart.table.rows] == [2, 2]


def test_the_beginning_of_a_csv_file_is_a_table() -> None:
    whole = csv_table('a,b\n1,"x, y"\n2,z\n', whole=True)
    assert (whole.heads, whole.rows) == (["a", "b"], [["1", "x, y"], ["2", "z"]])
    assert (whole.numeric, whole.total, whole.more) == ([True, False], 2, False)
    begun = csv_table("a\n1\n2\n3", whole=False)
    assert (begun.rows, begun.total, begun.more) == ([["1"], ["2"]], None, True)
    assert csv_table("", whole=True).rows == []


def test_a_secret_is_hidden_before_a_value_is_cut() -> None:
    masker = Masker()
    masker.hide(["sesame-open-1234"])
    text = "x" * (CELL - 8) + "sesame-open-1234"
    for value in (text, [text], {"a": [text]}, [{text: text}]):
        assert "sesame" not in in_short(value, masker.mask)
    shown = shown_value([{"a": text}], masker.mask)
    assert shown.table is not None
    assert shown.table.rows[0][0].endswith(MASK)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_whatever_a_task_gives_has_a_shape(value: Any) -> None:
    shown = shown_value(value, seen)
    assert (shown.kind == "nothing") == (value is None)
    assert len(in_short(value, seen)) <= CELL


@given(st.text(), st.booleans())
def test_whatever_a_file_holds_is_no_defect(text: str, whole: bool) -> None:
    table = csv_table(text, whole=whole)
    assert len(table.rows) <= ROWS
    assert len(table.numeric) == len(table.heads)


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_however_deep_a_value_is_what_can_be_read_of_it_is_shown(begin: str, end: str) -> None:
    value = msgspec.json.decode(f"[1,{begin * 800}2{end * 800}]")
    shown = shown_value(value, seen)
    assert shown.kind == "json"
    assert TOO_DEEP in shown.text
