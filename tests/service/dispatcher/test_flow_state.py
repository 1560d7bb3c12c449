"""The mappings of flows in memory: what is committed while one is read is in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from triphammer.service.dispatcher.flow_state import FlowStates

pytestmark = pytest.mark.anyio


class Overtaken:
    """A store in which commits come between the first reads and their answers."""

    def __init__(self, states: FlowStates) -> None:
        self._states = states
        self._stored: dict[str, bytes] = {"old": b"1"}
        self._commits: list[tuple[str, bytes]] = [("first", b"2"), ("second", b"3")]

    async def flow_state(self, flow: str) -> Mapping[str, bytes]:
        read = dict(self._stored)
        if self._commits:
            key, value = self._commits.pop(0)
            self._stored[key] = value
            self._states.apply(flow, {key: value})
        return read


async def test_what_is_committed_while_a_mapping_is_read_is_in_it() -> None:
    states = FlowStates()
    store: Any = Overtaken(states)
    await states.load(store, ["flow"])
    assert states.of("flow") == {"old": b"1", "first": b"2", "second": b"3"}


async def test_a_mapping_in_memory_is_not_read_again() -> None:
    states = FlowStates({"flow": {"known": b"1"}})
    store: Any = None
    await states.load(store, ["flow"])
    states.apply("flow", {"known": None, "more": b"2"})
    assert states.of("flow") == {"more": b"2"}
