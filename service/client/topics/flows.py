"""Flows as they serve now; starts, pauses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from triphammer.service.client.calls import Given, route
from triphammer.service.client.listing import Rows, listing

if TYPE_CHECKING:
    from triphammer.service.web import models


class FlowCalls:
    """About flows."""

    @listing("/api/v1/flows")
    def flows(self) -> Rows[models.Flows, models.Flow]:
        """The flows that serve now; the page also names those that were `removed` and the
        `errors` of flow files."""
        return Rows()

    @route("GET", "/api/v1/flows/{name}")
    def flow(self, name: str) -> Given[models.FlowInFull]:
        """One flow with its graph and the schema of its parameters."""
        return Given(path={"name": name})

    @route("POST", "/api/v1/flows/{name}/runs")
    def start(
        self,
        flow: str,
        params: Mapping[str, Any] | None = None,
        *,
        event: str | None = None,
        key: str | None = None,
    ) -> Given[models.RunInFull]:
        """Start a run, with parameters or on a stored event (its key); with the same `key` it is
        started once. `wait` waits for its end."""
        body = {"params": dict(params or {}), "event": event}
        return Given(path={"name": flow}, json=body, key=key)

    @route("POST", "/api/v1/flows/{name}/pause")
    def pause(self, flow: str) -> Given[models.FlowInFull]:
        """Begin no more runs of a flow; its events are kept and wait."""
        return Given(path={"name": flow})

    @route("POST", "/api/v1/flows/{name}/resume")
    def resume(self, flow: str) -> Given[models.FlowInFull]:
        """Begin runs of a paused flow again, the waiting ones first."""
        return Given(path={"name": flow})

    @listing("/api/v1/breakers")
    def breakers(self) -> Rows[models.CircuitBreakers, models.CircuitBreaker]:
        """The circuit breakers of tasks, and how each stands."""
        return Rows()
