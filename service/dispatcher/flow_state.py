"""The durable mapping of each flow, held in memory as last committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from triphammer.service.store.contract import Store


class FlowStates:
    """Committed `state` mappings by flow; values are JSON. Written only after commits."""

    def __init__(self, known: Mapping[str, Mapping[str, bytes]] = MappingProxyType({})) -> None:
        self._by_flow = {flow: dict(mapping) for flow, mapping in known.items()}
        self._passed_over = 0

    async def load(self, store: Store, flows: Iterable[str]) -> None:
        """Read the mappings of `flows` that are not in memory yet."""
        for flow in flows:
            while flow not in self._by_flow:
                before = self._passed_over
                found = dict(await store.flow_state(flow))
                if self._passed_over == before:  # else what was read may be older than a commit
                    self._by_flow.setdefault(flow, found)

    def of(self, flow: str) -> Mapping[str, bytes]:
        """The mapping of `flow` as it stands; a copy, for another thread to read."""
        return dict(self._by_flow.get(flow, {}))

    def apply(self, flow: str, writes: Mapping[str, bytes | None]) -> None:
        """Take over committed writes; None deletes. Of a mapping that is not in memory they are
        read with all of it."""
        mapping = self._by_flow.get(flow)
        if mapping is None:
            self._passed_over += 1
            return
        for key, value in writes.items():
            if value is None:
                mapping.pop(key, None)
            else:
                mapping[key] = value
