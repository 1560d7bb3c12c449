"""`state`: the flow's durable mapping, as the running task sees it."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from triphammer.flows.context import context


class State(MutableMapping[str, Any]):
    """Reads and writes the running task's view; raises `NotInTask` elsewhere.

    Writes commit with the task's success and are lost with a failed attempt.
    """

    def __getitem__(self, key: str) -> Any:
        return context().state[key]

    def __setitem__(self, key: str, value: Any) -> None:
        context().state[key] = value

    def __delitem__(self, key: str) -> None:
        del context().state[key]

    def __iter__(self) -> Iterator[str]:
        return iter(context().state)

    def __len__(self) -> int:
        return len(context().state)


state = State()
