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


def test_a_dead_letter_is_listed_redriven_under_its_id_or_skipped(make_daemon: Serve) -> None:
    with listening() as target:
        target.status = 500
        daemon = make_daemon({"told": FLOW}, SETTINGS + 'give_up_after = "1ms"\n')
        for _ in range(2):
            daemon.cli("emit", "go", "--data", f'{{"url": "{target.url}"}}')
            daemon.wait_for_line("is a dead letter")
        while len(found := daemon.get("/api/v1/deadletters")["items"]) < 2:
            assert {item["kind"] for item in found} <= {"message"}
        second, first = found
        assert (first["flow"], first["target"]) == ("told", target.url)
        assert "answered 500; given up after" in first["reason"]
        assert first["id"] in daemon.cli("deadletters", "--target", target.url).stdout
        assert daemon.cli("deadletters", "--flow", "other").stdout == "No dead letters.\n"
        target.opened = True
        assert daemon.cli("deadletters", "redrive", first["id"]).stdout == "1 redriven\n"
        while not target.accepted:
            target.tried.wait()
        assert target.accepted == [first["id"]]
        assert "which ones?" in daemon.cli("deadletters", "skip").stderr
        assert daemon.cli("deadletters", "skip", "--all").stdout == "1 skipped\n"
        assert daemon.get("/api/v1/deadletters") == {"items": [], "next": None}
        refused = daemon.cli("deadletters", "redrive", second["id"])
        assert (refused.returncode, second["id"] in refused.stderr) == (1, True)
