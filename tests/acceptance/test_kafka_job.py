"""A real Kafka: records in, messages and webhooks out, from outside."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.kafka.broker import Broker
from tests.kafka.cluster import new_name, open_cluster_client

pytestmark = [pytest.mark.kafka, pytest.mark.anyio]

FLOW = """
from triphammer import Event, flow, publish, send_webhook, secret, task, text, topic

failures = {}

@task(retries=3, backoff="10ms")
async def convert(reading: dict[str, float], key: str) -> float:
    failures[key] = failures.get(key, 0) + 1
    if failures[key] <= 2:
        raise ValueError("the scale is warming up")
    return (reading["fahrenheit"] - 32) * 5 / 9

@flow(on=topic("{source}"))
def readings(event: Event) -> None:
    celsius = convert(event.data, event.subject)
    publish("{target}", key=event.subject, value={"celsius": celsius})
    send_webhook(secret("RECEIVER"), {"text": text("{c}", c=celsius)}, secret=secret("SIGNING"))
"""


class Inbox(http.server.BaseHTTPRequestHandler):
    """Keeps what it receives."""

    received: list[tuple[dict[str, str], bytes]]
    came: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()
        self.came.set()

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def inbox() -> Iterator[tuple[str, type[Inbox]]]:
    kept = type("Kept", (Inbox,), {"received": [], "came": threading.Event()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kept)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/in", kept
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_record_becomes_a_message_and_a_signed_webhook(
    make_daemon: Serve, kafka: Broker, inbox: tuple[str, type[Inbox]]
) -> None:
    from triphammer.sensors.webhook.signing import sign_standard

    url, kept = inbox
    source, target = new_name("in"), new_name("out")
    signing = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(target)
        daemon = make_daemon(
            {"readings": FLOW.replace("{source}", source).replace("{target}", target)},
            f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n',
            env={
                "TRIPHAMMER_SECRETS__RECEIVER": url,
                "TRIPHAMMER_SECRETS__SIGNING": signing,
            },
        )
        await client.create_topic(source)  # after the start: it is found by itself
        await client.produce(source, [b'{"fahrenheit": 212}'], key=b"kettle")
        [run] = daemon.wait_for_runs("readings")
        [record] = await client.read(target, 1)
    assert (record.key, json.loads(record.value)) == (b"kettle", {"celsius": 100.0})
    assert kept.came.wait(30)
    headers, body = kept.received[0]
    assert json.loads(body) == {"text": "100.0"}
    expected = sign_standard(
        headers["webhook-id"], int(headers["webhook-timestamp"]), body, signing
    )
    assert headers["webhook-signature"] == expected
    shown = daemon.get(f"/api/v1/runs/{run['id']}")
    attempts = {t["name"]: t["attempt"] for t in shown["tasks"]}
    assert attempts["convert"] == 3
    states = {m["kind"]: m["state"] for m in daemon.get(f"/api/v1/runs/{run['id']}")["messages"]}
    assert set(states) == {"kafka", "webhook"}
    assert url not in json.dumps(shown)
