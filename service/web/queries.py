"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

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
