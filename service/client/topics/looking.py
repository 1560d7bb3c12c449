"""The daemon and its flows at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triphammer.service.client.calls import Given, route
from triphammer.service.client.listing import Rows, listing
from triphammer.service.client.words import MessageState

if TYPE_CHECKING:
    from triphammer.service.web import looking_models, models


class LookingCalls:
    """About many things at once."""

    @route("GET", "/api/v1/stats")
    def stats(self) -> Given[looking_models.Stats]:
        """What happens now: runs, events, messages, next fires, and what does not work."""
        return Given()

    @route("GET", "/api/v1/flows/{name}/stats")
    def flow_stats(self, flow: str, *, last: int = 100) -> Given[looking_models.FlowStats]:
        """How a flow has been doing: its `last` runs that have ended, and a year day by day."""
        return Given(path={"name": flow}, query={"last": last})

    @listing("/api/v1/flows/{name}/grid")
    def grid(
        self, flow: str, *, tasks: int = 300, limit: int = 30, cursor: str | None = None
    ) -> Rows[looking_models.Grid, looking_models.GridLine]:
        """The newest runs of a flow with the state of each of their tasks, maps as one."""
        return Rows(path={"name": flow}, query={"tasks": tasks, "limit": limit, "cursor": cursor})

    @route("GET", "/api/v1/runs/compare")
    def compare(self, runs: Sequence[str]) -> Given[looking_models.Comparison]:
        """Two to six runs side by side: what was given, what came out, how each task went."""
        return Given(query={"run": list(runs)})

    @listing("/api/v1/outbox")
    def outbox(
        self,
        *,
        state: MessageState | None = None,
        kind: str | None = None,
        target: str | None = None,
        flow: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Rows[looking_models.Outbox, models.Message]:
        """Outgoing messages, newest first."""
        return Rows(
            query={
                "state": state,
                "kind": kind,
                "target": target,
                "flow": flow,
                "limit": limit,
                "cursor": cursor,
            }
        )

    @route("GET", "/api/v1/outbox/{id}")
    def message_in_full(self, id: str) -> Given[looking_models.MessageInFull]:
        """One outgoing message with its content; secrets are masked."""
        return Given(path={"id": id})

    @listing("/api/v1/sensors")
    def sensors(self) -> Rows[looking_models.Sensors, looking_models.Sensor]:
        """All sensors: how far each has come and is behind, what it has brought last."""
        return Rows()

    @route("GET", "/api/v1/store")
    def store(self) -> Given[looking_models.StoreState]:
        """How large the database is, what it holds and for how long."""
        return Given()

    @listing("/api/v1/settings")
    def settings(self) -> Rows[looking_models.SettingsInForce, looking_models.Setting]:
        """The settings in force and where each came from; secrets are masked."""
        return Rows()
