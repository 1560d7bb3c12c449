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
longest_pause = "100ms"
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
            target.tried.clear()
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
        assert "no flow is named 'other'" in daemon.cli("deadletters", "--flow", "other").stderr
        target.opened = True
        assert daemon.cli("deadletters", "redrive", first["id"]).stdout == "1 redriven\n"
        while not target.accepted:
            target.tried.wait()
            target.tried.clear()
        assert target.accepted == [first["id"]]
        assert "which ones?" in daemon.cli("deadletters", "skip").stderr
        assert daemon.cli("deadletters", "skip", "--all").stdout == "1 skipped\n"
        assert daemon.get("/api/v1/deadletters") == {"items": [], "next": None}
        refused = daemon.cli("deadletters", "redrive", second["id"])
        assert (refused.returncode, second["id"] in refused.stderr) == (1, True)


def test_a_target_that_is_gone_is_disabled_over_restarts_until_a_redrive(
    make_daemon: Serve,
) -> None:
    with listening() as target:
        target.status = 410
        daemon = make_daemon({"told": FLOW}, SETTINGS)
        part = f"outbox to {target.url.removesuffix('/in')} (disabled)"
        daemon.cli("emit", "go", "--data", f'{{"url": "{target.url}"}}')
        daemon.wait_until(lambda: part in daemon.get("/readyz")["parts"])
        daemon.kill()
        daemon.start()
        ready = daemon.wait_until(lambda: daemon.get("/readyz"))
        daemon.wait_until(lambda: part in daemon.get("/readyz")["parts"])
        assert ready["status"] == "ok"
        reason = daemon.get("/readyz")["parts"][part]["reason"]
        assert "answered 410 Gone, so nothing is sent there" in reason
        daemon.cli("emit", "go", "--data", f'{{"url": "{target.url}"}}')
        while len(found := daemon.get("/api/v1/deadletters")["items"]) < 2:
            assert len(target.tries) == 1
        assert "the target is disabled since" in found[0]["reason"]
        assert target.tries == [found[1]["id"]]
        target.opened = True
        said = daemon.cli("deadletters", "redrive", "--target", target.url).stdout
        assert said == f"2 redriven\n{target.url} is enabled again\n"
        while len(target.accepted) < 2:
            target.tried.wait()
            target.tried.clear()
        assert set(target.accepted) == {item["id"] for item in found}
        daemon.wait_until(lambda: part not in daemon.get("/readyz")["parts"])
