from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

from triphammer.service.web.console.health import size
from triphammer.service.web.console.narrowing import moment_fields, narrowed


def test_empty_and_unknown_fields_ask_for_nothing() -> None:
    query = QueryParams("type= order &source=&cursor=c5&since=2026-01-01T00:00:00Z")
    assert narrowed(query, ("type", "source", "since")) == {
        "type": "order",
        "since": "2026-01-01T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00"),
        ("2026-01-31T09:30:00+02:00", "2026-01-31T07:30:00"),
        ("2026-01-31T09:30:00.123456Z", "2026-01-31T09:30:00"),
        ("2026-01-31T09:30", "2026-01-31T09:30:00"),
        ("soon", ""),
        ("", ""),
    ],
)
def test_times_are_shown_by_fields_in_utc(text: str, field: str) -> None:
    assert moment_fields({"since": text}) == {"since": field, "until": ""}


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (123_456, "123 KB"),
        (2_340_000, "2.3 MB"),
        (7_000_000_000, "7.0 GB"),
        (1_234_000_000_000_000, "1,234.0 TB"),
    ],
)
def test_sizes_are_told_in_the_unit_that_fits(count: int, told: str) -> None:
    assert size(count) == told
