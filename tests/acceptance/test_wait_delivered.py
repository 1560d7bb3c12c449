"""`wait="delivered"`: what follows waits for the receiver, over a kill of the daemon too."""

from __future__ import annotations

from tests.acceptance.conftest import Serve
from tests.support.target import listening

FLOW = """
from triphammer import Event, events, flow, send_webhook, task

@task
async def after() -> str:
    return "after"

@flow(on=events(type="go"))
def told(event: Event) -> object:
    sent = send_webhook.options(wait="delivered")(event.data["url"], {"n": 1})
    last = after()
    sent >> last
    return last
"""


def test_the_next_task_begins_once_the_receiver_has_it(make_daemon: Serve) -> None:
    with listening() as target:
        daemon = make_daemon({"told": FLOW})
        event = {"specversion": "1.0", "id": "1", "source": "t", "type": "go"}
        headers = {"content-type": "application/cloudevents+json"}
        body = {**event, "data": {"url": target.url}}
        daemon.post("/api/v1/events", json=body, headers=headers)

        def states() -> dict[str, str]:
            run = daemon.runs("told")[0]
            tasks = daemon.get(f"/api/v1/runs/{run['id']}")["tasks"]
            return {task["name"]: task["state"] for task in tasks}

        daemon.wait_until(target.tried.is_set)
        daemon.wait_until(lambda: states().get("send_webhook") == "waiting")
        assert states().get("after", "pending") == "pending"
        daemon.kill()
        target.opened = True
        daemon.start()
        [run] = daemon.wait_for_runs("told")
    assert run["state"] == "succeeded"
    assert run["result"] == "after"
    assert len(set(target.accepted)) == 1
