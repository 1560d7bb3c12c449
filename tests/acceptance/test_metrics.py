"""`/metrics` of the real daemon: well-formed, complete, and no larger for what strangers send."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.service.telemetry.exposition import Read, read
from tests.support.target import listening
from triphammer.service.telemetry.families import ALL, LOOP_LAG

FLOWS = {
    "work": """
from triphammer import events, finished, flow, send_webhook, task, webhook

@task
def parse(n: int) -> int:
    return 10 // n

@task
async def double(n: int) -> int:
    return 2 * n

@flow(on=webhook("in"))
def work(event):
    total = double(parse(event.data["n"]))
    send_webhook.options(wait="delivered")(event.data["url"], total)

@flow(on=finished("work", state="failed"))
def mourn(event):
    double(1)
"""
}


def figures(daemon: DaemonProcess) -> Mapping[str, Read]:
    return read(daemon.text("/metrics"))


def test_a_run_is_told_of_from_its_event_to_its_delivery(make_daemon: Serve) -> None:
    with listening() as target:
        target.opened = True
        daemon = make_daemon(FLOWS)
        for n in (1, 0, 5):
            daemon.post("/hooks/in", json={"n": n, "url": target.url})
        daemon.wait_for_runs("work", 2)
        daemon.wait_for_runs("mourn")
    found = figures(daemon)
    assert found.keys() == {family.name for family in ALL}
    events = found["triphammer_event_outcomes_total"]
    assert events.value(kind="webhook", outcome="accepted") == 3
    ended = found["triphammer_runs_ended_total"]
    assert ended.value(flow="work", state="succeeded") == 2
    assert ended.value(flow="work", state="failed") == 1
    assert ended.value(flow="mourn", state="succeeded") == 1
    assert found["triphammer_tasks_total"].value(flow="work", state="failed") == 1
    deliveries = found["triphammer_outbox_deliveries_total"]
    assert deliveries.value(kind="webhook", outcome="delivered") == 2
    assert found["triphammer_outbox_messages"].value(state="delivered") == 2
    assert found["triphammer_sensor_up"].value(sensor="webhook:in") == 1
    hooks = found["triphammer_http_requests_total"]
    assert hooks.value(route="/hooks/{path}", method="POST", status="2xx") == 3
    assert found["triphammer_store_database_bytes"].value() > 0


def test_strangers_make_no_series(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    with httpx.Client(base_url=daemon.url, trust_env=False) as ask:

        def knock(name: str) -> None:
            ask.get(f"/{name}")
            ask.get(f"/api/v1/runs/{name}")
            ask.get(f"/flows/{name}")
            ask.get(f"/static/{name}")
            ask.request(name.upper(), "/livez")
            ask.post(f"/hooks/{name}", json={})
            ask.post(
                "/api/v1/events",
                json={"n": 1},
                headers={
                    "ce-id": name,
                    "ce-source": name,
                    "ce-type": name,
                    "ce-specversion": "1.0",
                },
            )

        def series() -> set[object]:
            found = [one for one in figures(daemon).values() if one.name != LOOP_LAG.name]
            return {key for family in found for key in family.samples}

        knock("first")
        series()  # the request for it is one of those that are counted
        before = series()
        for number in range(30):
            knock(f"x{number}")
        assert series() == before
