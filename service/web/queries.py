"""Parameters that several routes take, and what bodies have in common."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
"""Of a strict number in a body: JSON knows one kind of number, 60.0 is 60."""
Limit = Annotated[int, Query(ge=1, le=500, description="Rows a page.")]
Cursor = Annotated[
    str | None,
    Query(
        description="`next` of the page before.",
        json_schema_extra={"pattern": "^c[0-9]{1,18}$"},
    ),
]
Moment = Annotated[
    str | None, Query(description="RFC 3339 time.", json_schema_extra={"format": "date-time"})
]
