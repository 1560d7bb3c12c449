"""What flows remember."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triphammer.service.client.calls import Given, route

if TYPE_CHECKING:
    from triphammer.service.web import models

ONE = "/api/v1/flows/{name}/state/{key}"


class StateCalls:
    """About the state of flows. It is not changed while a task of the flow is under way (409),
    unless `force`; with `match`, an `ETag`, only where it is still that value (412)."""

    @route("GET", "/api/v1/flows/{name}/state")
    def state(self, flow: str) -> Given[models.FlowState]:
        """All that a flow remembers; secrets are masked."""
        return Given(path={"name": flow})

    @route("GET", ONE)
    def state_value(self, flow: str, key: str) -> Given[models.StateValue]:
        """One value of a flow's state."""
        return Given(path={"name": flow, "key": key})

    @route("PUT", ONE)
    def set_state(
        self, flow: str, key: str, value: Any, *, force: bool = False, match: str | None = None
    ) -> Given[models.StateWritten]:
        """Write one value."""
        return Given(
            path={"name": flow, "key": key},
            query={"force": force},
            headers={"If-Match": match},
            json={"value": value},
        )

    @route("DELETE", ONE)
    def delete_state(
        self, flow: str, key: str, *, force: bool = False, match: str | None = None
    ) -> Given[models.StateWritten]:
        """Delete one key."""
        path = {"name": flow, "key": key}
        return Given(path=path, query={"force": force}, headers={"If-Match": match})

    @route("DELETE", "/api/v1/flows/{name}/state")
    def clear_state(self, flow: str, *, force: bool = False) -> Given[models.StateWritten]:
        """Delete all keys."""
        return Given(path={"name": flow}, query={"force": force})
