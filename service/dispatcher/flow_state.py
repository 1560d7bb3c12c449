"""The durable mapping of each flow, held in memory as last committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from triphammer.service.store.contract import Store


class FlowStates:
    """Committed `state` mappings by flow; values are JSON. Written only after commits."""

    def __init__(self) -> None:
        self._by_flow: dict[str, dict[str, bytes]] = {}

    async def load(self, store: Store, flows: Iterable[str]) -> None:
        """Read the mappings of `flows` that are not in memory yet."""
        for flow in flows:
            if flow not in self._by_flow:
                self._by_flow[flow] = dict(await store.flow_state(flow))

    def of(self, flow: str) -> Mapping[str, bytes]:
        """The mapping of `flow` as it stands; a copy, for another thread to read."""
        return dict(self._by_flow.get(flow, {}))

    def holds(self, flow: str) -> bool:
        """Whether the mapping of `flow` is in memory."""
        return flow in self._by_flow

    def apply(self, flow: str, writes: Mapping[str, bytes | None]) -> None:
        """Take over committed writes; None deletes."""
        if not writes:
            return
        mapping = self._by_flow.setdefault(flow, {})
        for key, value in writes.items():
            if value is None:
                mapping.pop(key, None)
            else:
                mapping[key] = value
