"""Records that the library gives up on, in a real topic between good ones."""

from __future__ import annotations

import pytest

from tests.kafka.batches import CODECS, Headers, make_batch
from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, new_name
from tests.sensors.kafka.bench import Daemon, reading
from triphammer.sensors.kafka.source import topic

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.kafka,
    pytest.mark.usefixtures("abandoned_commits"),
]
NO_TEXT = b"na\xffme"


def batch_of(*names: bytes, codec: str = "none") -> bytes:
    """A record for each name of a header."""
    records: list[tuple[bytes, Headers]] = [(b"{}", [(name, b"x")]) for name in names]
    return make_batch(records, codec=codec)


@pytest.mark.parametrize("codec", sorted(CODECS))
async def test_a_header_whose_name_is_no_text(
    kafka: Broker, cluster: ClusterClient, codec: str
) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name, partitions=2)
    for partition in (0, 1):
        await cluster.produce(name, [b"{}"] * 3, partition=partition)
        batch = batch_of(b"a", NO_TEXT, b"b", codec=codec)
        await cluster.produce_batch(name, batch, partition=partition)
        await cluster.produce(name, [b"{}"], partition=partition)
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(14)
        await cluster.produce_batch(name, batch_of(NO_TEXT, codec=codec))
        await daemon.wait_for(15)
    assert daemon.offsets(0) == list(range(8))
    assert daemon.offsets(1) == list(range(7))
    assert daemon.emitted_in_all() == 15
    headers = {e.extensions["offset"]: dict(e.headers) for e in daemon.events}
    assert headers[4] == {"na?me": "x"}
    assert set(daemon.reasons) == {None}, "it was never in trouble"


async def test_a_batch_that_has_rotted_at_the_broker(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name, partitions=2)
    for _ in range(3):
        await cluster.produce_batch(name, batch_of(b"a", b"b", b"c"))
    await cluster.produce(name, [b"{}"] * 4, partition=1)
    file = kafka.log_of(name)
    size = file.stat().st_size // 3
    with file.open("r+b") as log:
        log.seek(2 * size - 1)
        log.write(b"\x55")
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(10)
        await cluster.produce(name, [b"{}"])
        await daemon.wait_for(11)
    assert daemon.offsets(0) == [0, 1, 2, 6, 7, 8, 9]
    assert daemon.offsets(1) == [0, 1, 2, 3]
    (dead,) = daemon.dead
    assert (dead.id, len(dead.payload)) == (f"{name}/0/5@-1", size)
    assert dead.reason.startswith("the records 3 to 5 have rotted at the broker")
    assert daemon.findings() == []
