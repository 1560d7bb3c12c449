"""What is not built yet is refused, not ignored."""

from __future__ import annotations

import pytest

from triphammer import flow, publish
from triphammer.flows.definition import definition_of
from triphammer.flows.errors import GraphError


def test_waiting_for_a_delivery_is_refused_at_load() -> None:
    @flow
    def tells() -> None:
        publish.options(wait="delivered")("topic", 1)

    with pytest.raises(GraphError, match=r"publish has wait='delivered', which is not built yet"):
        definition_of(tells)
