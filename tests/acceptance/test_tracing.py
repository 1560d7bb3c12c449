"""A trace that comes in goes out, with the extra or without, over restarts; with it the tree from
the event to the delivery is told to a collector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, NotUp
from tests.support.collector import Collector, Got, collecting

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT, STATE = f"00-{TRACE}-{SPAN}-01", "rojo=00f067aa0ba902b7"
HEADERS = {"traceparent": PARENT, "tracestate": STATE}
OTHER = f"00-{'c' * 32}-{'d' * 16}-01"
FLOWS = {
    "work": """
from triphammer import Event, context, events, finished, flow, send_webhook, task, webhook

@task
def load(n: int) -> int:
    return n

@task(retries=1, backoff="10ms")
async def double(n: int) -> int:
    if context().attempt == 1:
        raise ValueError("not at once")
    return 2 * n

@flow(on=[webhook("in"), events(type="go")])
def work(event: Event):
    total = double(load(1))
    send_webhook.options(wait="delivered")(event.data["url"], total)

@flow(on=finished("work"))
def after():
    load(2)
"""
}
ASKED = """
from triphammer import flow, send_webhook

@flow
def asked(url: str):
    send_webhook.options(wait="delivered")(url, 1)
"""


def go(daemon: DaemonProcess, url: str, headers: Mapping[str, str], **attributes: str) -> None:
    """Post a CloudEvent."""
    event = {"specversion": "1.0", "id": "1", "source": "t", "type": "go", **attributes}
    given = {"content-type": "application/cloudevents+json", **headers}
    daemon.post("/api/v1/events", json={**event, "data": {"url": url}}, headers=given)


def sent(collector: Collector) -> str:
    """The trace that the last webhook told of."""
    return collector.webhooks[-1].get("traceparent", "")


def test_what_comes_in_goes_out_without_the_extra(make_daemon: Serve) -> None:
    with collecting() as collector:
        daemon, url = make_daemon(FLOWS), collector.url + "/hook"
        daemon.post("/hooks/in", json={"url": url}, headers=HEADERS)
        daemon.wait_for_runs("after", 1)
        assert sent(collector) == PARENT
        assert collector.webhooks[-1]["tracestate"] == STATE
        go(daemon, url, {"traceparent": OTHER})
        daemon.wait_for_runs("after", 2)
        assert sent(collector) == OTHER
        go(daemon, url, {"traceparent": OTHER}, id="2", traceparent=PARENT)
        daemon.wait_for_runs("after", 3)
        assert sent(collector) == PARENT
        for number, nothing in enumerate(({}, {"traceparent": "00-nonsense"})):
            go(daemon, url, nothing, id=f"{number + 3}")
            daemon.wait_for_runs("after", number + 4)
            assert sent(collector) == ""
        assert collector.spans == []


def test_a_run_that_is_asked_for_belongs_to_the_trace_of_who_asks(make_daemon: Serve) -> None:
    with collecting() as collector:
        daemon = make_daemon({"asked": ASKED})
        body = {"params": {"url": collector.url + "/hook"}}
        daemon.post("/api/v1/flows/asked/runs", json=body, headers=HEADERS)
        daemon.wait_for_runs("asked")
        assert sent(collector) == PARENT


def test_what_came_in_goes_out_after_a_kill(make_daemon: Serve) -> None:
    with collecting() as collector:
        collector.webhook_status = 503
        daemon = make_daemon(FLOWS)
        daemon.post("/hooks/in", json={"url": collector.url + "/hook"}, headers=HEADERS)
        daemon.wait_until(lambda: collector.webhooks)
        daemon.kill()
        collector.webhook_status = 200
        daemon.start()
        daemon.wait_for_runs("after")
        assert len(collector.webhooks) >= 2
        assert {headers["traceparent"] for headers in collector.webhooks} == {PARENT}


def one(spans: list[Got], flow: str = "work") -> Got:
    """The only one of a flow."""
    (found,) = [s for s in spans if s.attributes.get("triphammer.flow", flow) == flow]
    return found


@pytest.mark.parametrize("restarted", [False, True])
def test_the_tree_from_the_event_to_the_delivery(make_daemon: Serve, restarted: bool) -> None:
    """With a restart the run begins in one life of the daemon and ends in the next."""
    with collecting() as collector:
        daemon = make_daemon(FLOWS, f'[otel]\nendpoint = "{collector.url}"\n')
        collector.webhook_status = 503 if restarted else 200
        daemon.post("/hooks/in", json={"url": collector.url + "/hook"}, headers=HEADERS)
        if restarted:
            daemon.wait_until(lambda: collector.webhooks)
            daemon.stop()
            collector.webhook_status = 200
            daemon.start()
        daemon.wait_for_runs("after")
        daemon.stop()
    assert {span.trace for span in collector.spans} == {TRACE}
    assert {span.state for span in collector.spans} == {STATE}
    assert {span.service for span in collector.spans} == {"triphammer"}
    event, caused = collector.named("event")[:2]
    dispatch, run = collector.named("dispatch")[0], one(collector.named("run work"))
    load, send = one(collector.named("task load")), one(collector.named("task send_webhook"))
    failed, double = collector.named("task double")
    delivery = collector.named("deliver webhook")[-1]
    assert (event.parent, dispatch.parent, run.parent) == (SPAN, event.id, dispatch.id)
    assert {load.parent, failed.parent, double.parent, send.parent} == {run.id}
    assert (failed.failed, double.failed, run.failed) == (True, False, False)
    assert (delivery.parent, delivery.failed) == (send.id, False)
    assert sent(collector) == f"00-{TRACE}-{delivery.id}-01"
    assert event.attributes["cloudevents.event_type"] == "triphammer.webhook.received"
    # What the end of the run brings about goes on below it.
    later = one(collector.named("run after"), "after")
    assert caused.parent == run.id
    assert later.parent in {span.id for span in collector.named("dispatch")}
    assert later.start >= run.end


def test_a_trace_begins_here_or_is_not_recorded(make_daemon: Serve) -> None:
    with collecting() as collector:
        daemon = make_daemon(FLOWS, f'[otel]\nendpoint = "{collector.url}"\nsample = 0\n')
        go(daemon, collector.url + "/hook", {})
        daemon.wait_for_runs("after", 1)
        assert sent(collector).endswith("-00")
        go(daemon, collector.url + "/hook", HEADERS, id="2")
        daemon.wait_for_runs("after", 2)
        daemon.stop()
    assert {span.trace for span in collector.spans} == {TRACE}


def test_without_the_extra_it_says_what_to_install(make_daemon: Serve, tmp_path: Path) -> None:
    hiding = tmp_path / "hiding"
    hidden = hiding / "opentelemetry" / "exporter" / "otlp" / "proto"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("")
    with pytest.raises(NotUp, match=r"pip install 'triphammer\[otel\]'"):
        make_daemon(
            FLOWS,
            '[otel]\nendpoint = "http://127.0.0.1:9"\n',
            env={"PYTHONPATH": str(hiding)},
        )


def test_a_collector_that_is_away_holds_up_nothing(make_daemon: Serve) -> None:
    with collecting() as collector:
        url = collector.url + "/hook"
        daemon = make_daemon(FLOWS, '[otel]\nendpoint = "http://127.0.0.1:9"\n')
        go(daemon, url, HEADERS)
        daemon.wait_for_runs("after", 1)
        assert daemon.stop() == 0
        assert sent(collector).startswith(f"00-{TRACE}-")
