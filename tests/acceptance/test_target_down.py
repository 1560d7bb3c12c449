"""A webhook target that answers 500 for a while: nothing is lost, and the trouble is named."""

from __future__ import annotations

from tests.acceptance.conftest import Serve
from tests.support.target import listening

FLOW = """
from triphammer import Event, events, flow, send_webhook

@flow(on=events(type="go"))
def told(event: Event) -> None:
    send_webhook(event.data["url"], {"n": 1})
"""
SETTINGS = """
[outbox]
first_retry = "50ms"
longest_retry = "100ms"
"""
TRIES = 10


def test_a_message_outlives_the_errors_of_its_target(make_daemon: Serve) -> None:
    with listening() as target:
        target.status = 500
        daemon = make_daemon({"told": FLOW}, SETTINGS)
        daemon.cli("emit", "go", "--data", f'{{"url": "{target.url}"}}')
        (run,) = daemon.wait_for_runs("told")
        said = daemon.wait_for_line("answered 500")
        assert run["id"] in said
        while len(target.tries) < TRIES:
            target.tried.wait()
        (waiting,) = daemon.get(f"/api/v1/runs/{run['id']}")["messages"]
        assert (waiting["state"], waiting["attempts"] > 0) == ("pending", True)
        assert "answered 500" in waiting["error"]
        ready = daemon.get("/readyz")
        named = f"outbox to {target.url.removesuffix('/in')}"
        assert ready["parts"][named]["reason"] == "127.0.0.1 answered 500"
        assert ready["status"] == "ok"
        target.opened = True
        while (message := daemon.get(f"/api/v1/runs/{run['id']}")["messages"][0])["state"] != (
            "delivered"
        ):
            assert message["state"] == "pending"
        assert named not in daemon.get("/readyz")["parts"]
        assert target.accepted == [waiting["id"]]
        assert set(target.tries) == {waiting["id"]}
