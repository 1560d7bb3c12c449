"""The pytest plugin: a fixture, and nothing else until a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from triphammer.testing import Simulation


class Simulate(Protocol):
    """Takes what `triphammer.testing.simulate` takes; the simulation has begun."""

    def __call__(self, *flows: Any, **options: Any) -> Simulation: ...


@pytest.fixture
def triphammer_sim() -> Iterator[Simulate]:
    """Begins simulations of flows, `sim = triphammer_sim(orders)`, and ends them with the test."""
    with ExitStack() as stack:

        def begin(*flows: Any, **options: Any) -> Simulation:
            # Only here: suites that do not use it must not pay for the import.
            from triphammer.testing import simulate

            return stack.enter_context(simulate(*flows, **options))

        yield begin
