from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

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
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59"),
        ("9999-12-31T23:59:59-12:00", ""),
        ("0001-01-01T00:00:00+12:00", ""),
        ("", ""),
    ],
)
def test_times_are_shown_by_fields_in_utc(text: str, field: str) -> None:
    assert moment_fields({"since": text}) == {"since": field, "until": ""}
