"""What must hold of a daemon, whatever has been sent to it."""

from __future__ import annotations

import httpx

from tests.acceptance.process import DaemonProcess


def everything_is_shown(daemon: DaemonProcess) -> None:
    """Each page and list is there: nothing in the store spoils it."""
    runs, events = daemon.runs(), daemon.get("/api/v1/events", limit=500)["items"]
    paths = ["/", "/runs", "/events", "/api/v1/deadletters", "/metrics"]
    paths += [f"{at}/runs/{run['id']}" for run in runs for at in ("", "/api/v1")]
    paths += [f"{at}/events/{event['key']}" for event in events for at in ("", "/api/v1")]
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        for path in paths:
            assert client.get(path).status_code == 200, path


def nothing_went_wrong(daemon: DaemonProcess) -> None:
    """No defect was met: a refusal is none."""
    assert daemon.get("/livez") == {"status": "ok"}
    assert daemon.stop() == 0
    assert "Traceback" not in "\n".join(daemon.printed)
