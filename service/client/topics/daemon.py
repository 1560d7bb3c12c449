"""The daemon itself: how it is, its figures, its store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triphammer.service.client.calls import Given, route

if TYPE_CHECKING:
    from triphammer.service.web import looking_models, models


class DaemonCalls:
    """About the daemon."""

    @route("GET", "/livez")
    def live(self) -> Given[models.Alive]:
        """Whether its service loop turns."""
        return Given()

    @route("GET", "/readyz")
    def ready(self) -> Given[models.Health]:
        """Whether every essential part works (`status` is "ok"), and each part with its reason."""
        return Given(fine=(503,))

    @route("GET", "/metrics", reads="text")
    def metrics(self) -> Given[str]:
        """Figures in Prometheus' text format."""
        return Given()

    @route("POST", "/api/v1/prune")
    def prune(self, *, dry_run: bool = False, folder: str | None = None) -> Given[models.Pruned]:
        """Remove at once what `[retention]` no longer keeps; `dry_run` only counts it. `folder`:
        only if that is the daemon's."""
        return Given(query={"dry_run": dry_run, "folder": folder}, patient=True)

    @route("POST", "/api/v1/sensors/{id}/pause")
    def pause_sensor(self, sensor: str) -> Given[looking_models.Sensor]:
        """Let a sensor, by its id, take nothing until it is resumed; what happens meanwhile waits
        at its source."""
        return Given(path={"id": sensor})

    @route("POST", "/api/v1/sensors/{id}/resume")
    def resume_sensor(self, sensor: str) -> Given[looking_models.Sensor]:
        """Let a paused sensor go on where it was."""
        return Given(path={"id": sensor})
