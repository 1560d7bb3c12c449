"""Waits for a run in the daemon by its live stream, not by asking again and again."""

from __future__ import annotations

from typing import Any

import httpx

from triphammer.service.cli.client import DaemonClient

ENDED = ("succeeded", "failed", "cancelled", "superseded")
"""As the API names them: the store's own list would bring the whole store along."""


def wait_for_end(daemon: DaemonClient, run: str) -> Any:
    """The run once it has ended. The stream may break off: then it is opened again."""
    while True:
        with daemon.stream("/api/v1/stream", run=run) as lines:
            # Asked after the stream is open: an end between the two cannot be missed.
            state = daemon.get(f"/api/v1/runs/{run}")
            if state["state"] in ENDED:
                return state
            try:
                _wait_for_news(lines)
            except httpx.HTTPError:
                continue


def _wait_for_news(lines: Any) -> None:
    for line in lines:
        if line.startswith("data:") and any(f'"{state}"' in line for state in ENDED):
            return
