"""A real Kafka: a record takes its trace along, and how far behind we are is told."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Serve
from tests.kafka.broker import Broker
from tests.kafka.cluster import new_name, open_cluster_client
from tests.service.telemetry.exposition import read
from tests.support.collector import collecting

pytestmark = [pytest.mark.kafka, pytest.mark.anyio]

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
FLOW = """
from triphammer import Event, flow, publish, topic

@flow(on=topic("{source}"))
def passed(event: Event) -> None:
    publish.options(wait="delivered")("{target}", key=event.subject, value=event.data)
"""


@pytest.mark.parametrize("traced", [False, True])
async def test_a_record_takes_its_trace_along(
    make_daemon: Serve, kafka: Broker, traced: bool
) -> None:
    source, target = new_name("in"), new_name("out")
    flows = {"passed": FLOW.replace("{source}", source).replace("{target}", target)}
    with collecting() as collector:
        settings = f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n'
        if traced:
            settings += f'[otel]\nendpoint = "{collector.url}"\n'
        async with open_cluster_client(kafka.bootstrap) as client:
            await client.create_topic(source)
            await client.create_topic(target)
            daemon = make_daemon(flows, settings)
            headers = [("traceparent", PARENT.encode()), ("tracestate", b"v=1")]
            await client.produce(source, [b'{"n": 1}'], headers=headers)
            daemon.wait_for_runs("passed")
            [record] = await client.read(target, 1)
        daemon.stop()
    told = {name: value.decode() for name, value in record.headers}
    assert told["tracestate"] == "v=1"
    if not traced:
        assert told["traceparent"] == PARENT
        return
    [event], [delivery] = collector.named("event")[:1], collector.named("deliver kafka")
    assert (event.parent, event.kind, delivery.kind) == (SPAN, 5, 4)
    assert delivery.attributes["messaging.destination.name"] == target
    assert told["traceparent"] == f"00-{TRACE}-{delivery.id}-01"


async def test_how_far_behind_it_is(make_daemon: Serve, kafka: Broker) -> None:
    source, target = new_name("in"), new_name("out")
    flows = {"passed": FLOW.replace("{source}", source).replace("{target}", target)}
    async with open_cluster_client(kafka.bootstrap) as client:
        await client.create_topic(source)
        await client.create_topic(target)
        await client.produce(source, [b'{"n": 1}'])
        daemon = make_daemon(flows, f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n')
        daemon.wait_for_runs("passed")
        lag = read(daemon.text("/metrics"))["triphammer_kafka_lag_records"]
    assert lag.value(topic=source, partition="0") == 0
