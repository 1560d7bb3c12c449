from __future__ import annotations

import pytest

from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client
from tests.kafka.mock import open_mock_cluster
from triphammer.sensors.kafka.topic_ids import METADATA, VERSION, topic_ids

pytestmark = pytest.mark.anyio


async def create(cluster: ClusterClient, topic: str) -> None:
    """Returns once brokers know of it."""
    await cluster.create_topic(topic)
    await cluster.produce(topic, [b"{}"])


@pytest.mark.kafka
async def test_each_topic_has_an_id_of_its_own(cluster: ClusterClient) -> None:
    client = cluster.admin._client
    one, two, missing = new_name("one"), new_name("two"), new_name("missing")
    await create(cluster, one)
    await create(cluster, two)
    before = await topic_ids(client, [one, two, missing])
    assert set(before) == {one, two}
    assert before[one] != before[two]
    await cluster.delete_topic(one)
    assert await topic_ids(client, [one, two]) == {two: before[two]}
    await create(cluster, one)
    after = await topic_ids(client, [one, two])
    assert after[two] == before[two]
    assert after[one] not in before.values()
    assert missing not in await cluster.admin.list_topics(), "asking must not create it"


async def test_a_broker_without_ids_tells_none() -> None:
    with open_mock_cluster() as bootstrap:
        async with open_cluster_client(bootstrap) as cluster:
            client = cluster.admin._client
            await cluster.producer.send_and_wait("orders", b"{}")
            assert set(await topic_ids(client, ["orders"])) == {"orders"}
            for connection in client._conns.values():
                connection._versions[METADATA] = (0, VERSION - 1)
            assert await topic_ids(client, ["orders"]) == {}
