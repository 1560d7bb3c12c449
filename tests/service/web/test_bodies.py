"""Numbers in bodies: as JSON knows them, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from triphammer.service.web.backfills import BackfillBody
from triphammer.service.web.tokens import TokenBody

NUMBERS: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    (TokenBody, {"name": "a", "scopes": ["read"]}, "expires_in"),
    (BackfillBody, {"from": "2026-01-01", "to": "2026-01-02"}, "max_parallel"),
]


@pytest.mark.parametrize(("kind", "rest", "name"), NUMBERS)
def test_a_whole_number_may_have_a_fraction_of_nought(
    kind: type[BaseModel], rest: dict[str, Any], name: str
) -> None:
    assert getattr(kind.model_validate({**rest, name: 60.0}), name) == 60
    for other in (60.5, "60", True, float("nan")):
        with pytest.raises(ValidationError):
            kind.model_validate({**rest, name: other})
