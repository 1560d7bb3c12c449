from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

import anyio
import pytest

from tests.kafka.broker import Broker
from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client
from tests.sensors.kafka.bench import QUICK, Daemon, Tally, reading
from triphammer.config.clock import SystemClock
from triphammer.sensors.errors import Overloaded, StoreUnavailable
from triphammer.sensors.kafka.cluster import Cluster
from triphammer.sensors.kafka.positions import Position, decode_position, position_key
from triphammer.sensors.kafka.source import topic

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.kafka,
    pytest.mark.usefixtures("abandoned_commits"),
]


async def position(daemon: Daemon, cluster: ClusterClient, topic: str) -> Position:
    """The stored position of the topic's first partition."""
    return decode_position(daemon.positions[position_key(await cluster.id(), (topic, 0))])


def numbers(first: int, last: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, last)]


async def test_records_become_events(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name = Daemon(), new_name("orders")
    headers = [("Trace", b"abc"), ("empty", None)]
    await cluster.create_topic(name)
    await cluster.produce(
        name, [b'{"id": 7}'], key=b"k1", headers=headers, timestamp_ms=1_700_000_000_123
    )
    async with reading(daemon, topic(name), kafka.bootstrap):
        (event,) = await daemon.wait_for(1)
    cluster_id = await cluster.id()
    assert event.id == f"{name}/0/0@1700000000123"
    assert event.source == f"triphammer/kafka/{cluster_id}/{name}"
    assert (event.type, event.subject, event.data) == ("triphammer.kafka.record", "k1", {"id": 7})
    assert event.raw == b'{"id": 7}'
    assert event.time.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert dict(event.headers) == {"trace": "abc", "empty": ""}
    assert event.extensions == {
        "topic": name,
        "partition": 0,
        "offset": 0,
        "connection": "kafka",
    }


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(
    kafka: Broker, cluster: ClusterClient, codec: str
) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    await cluster.produce_compressed(name, numbers(0, 50), codec)
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(50)
    assert [event.data["n"] for event in daemon.events] == list(range(50))


async def test_records_of_a_cancelled_transaction_are_no_events(
    kafka: Broker, cluster: ClusterClient
) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    await cluster.produce_in_transactions(name, [(numbers(0, 3), True), (numbers(3, 6), False)])
    await cluster.produce(name, numbers(6, 8))
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(5)
    assert [event.data["n"] for event in daemon.events] == [0, 1, 2, 6, 7]
    await cluster.produce(name, numbers(8, 9))
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(6)
    assert daemon.findings() == []


async def test_dead_letters_share_the_transaction_of_their_position(
    kafka: Broker, cluster: ClusterClient
) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    await cluster.produce(name, [b"{}", b"{broken", b"[1]"], timestamp_ms=5)
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(2)
    assert [event.data for event in daemon.events] == [{}, [1]]
    (dead,) = daemon.dead
    assert (dead.id, dead.payload) == (f"{name}/0/1@5", b"{broken")
    assert "malformed JSON in the value" in dead.reason
    assert len(daemon.emissions) == 1
    assert await position(daemon, cluster, name) == Position(3, 5, await cluster.topic_id(name))


async def test_a_restart_goes_on_exactly(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    for end in (10, 25, 26):
        await cluster.produce(name, numbers(len(daemon.events), end))
        async with reading(daemon, topic(name), kafka.bootstrap):
            await daemon.wait_for(end)
    assert daemon.offsets() == list(range(26))
    assert daemon.emitted_in_all() == 26
    committed = await cluster.committed(f"triphammer-{daemon.folder_id}")
    left = f"triphammer {daemon.folder_id} topic {await cluster.topic_id(name)}"
    assert committed[name, 0] == (26, left)


async def test_several_topics_share_one_sensor(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, one, two = Daemon(), new_name("one"), new_name("two")
    for name in (one, two):
        await cluster.create_topic(name, partitions=2)
        for partition in (0, 1):
            await cluster.produce(name, numbers(0, 5), partition=partition)
    async with reading(daemon, topic(one, two), kafka.bootstrap):
        await daemon.wait_for(20)
    assert {e.extensions["topic"] for e in daemon.events} == {one, two}
    assert len(daemon.positions) == 4


async def test_a_lost_broker_commit_repeats_nothing(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name, group = Daemon(), new_name("orders"), new_name("group")
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, 10))
    async with reading(daemon, topic(name, group=group), kafka.bootstrap):
        await daemon.wait_for(10)
    await cluster.reset_group(group, name, 4, mark=f"triphammer {daemon.folder_id}")
    await cluster.produce(name, numbers(10, 12))
    async with reading(daemon, topic(name, group=group), kafka.bootstrap):
        await daemon.wait_for(12)
    assert daemon.emitted_in_all() == 12
    assert daemon.findings() == []


async def test_a_group_of_the_folders_own_goes_on_without_a_rebalance(
    kafka: Broker, cluster: ClusterClient
) -> None:
    daemon, name = Daemon(), new_name("orders")
    # Were it to wait for the session of the one before, the test would reach its time limit.
    patient = replace(QUICK, session_timeout_ms=240_000, rebalance_timeout_ms=240_000)
    await cluster.create_topic(name)
    for end in (5, 9, 12):
        await cluster.produce(name, numbers(len(daemon.events), end))
        async with reading(daemon, topic(name), kafka.bootstrap, patient):
            await daemon.wait_for(end)
    assert daemon.offsets() == list(range(12))
    assert len(await cluster.members(f"triphammer-{daemon.folder_id}")) == 1


async def test_what_another_member_has_taken_is_left_out(
    kafka: Broker, cluster: ClusterClient
) -> None:
    daemon, name, group = Daemon(), new_name("orders"), new_name("group")
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, 5))
    async with reading(daemon, topic(name, group=group), kafka.bootstrap):
        await daemon.wait_for(5)
    await cluster.produce(name, numbers(5, 9))
    await cluster.reset_group(group, name, 8, mark="triphammer another")
    async with reading(daemon, topic(name, group=group), kafka.bootstrap):
        await daemon.wait_for(6)
    assert daemon.offsets() == [0, 1, 2, 3, 4, 8]
    assert daemon.findings() == []


async def test_what_retention_took_is_reported(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, 10))
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(10)
    await cluster.produce(name, numbers(10, 20))
    await cluster.delete_records(name, 15)
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(16)
    (gap,) = daemon.findings()
    assert gap.type == "triphammer.kafka.gap"
    assert gap.data == {
        "topic": name,
        "partition": 0,
        "group": f"triphammer-{daemon.folder_id}",
        "first": 10,
        "last": 14,
        "missing": 5,
    }
    assert "topic" not in gap.extensions, "topic() must not match it"
    (reporting,) = [emission for emission in daemon.emissions if gap in emission.events]
    assert [decode_position(text or "").next for text in reporting.positions.values()] == [15]
    assert daemon.offsets() == [*range(10), *range(15, 20)]


async def test_retention_that_overtakes_while_reading_waits(
    kafka: Broker, cluster: ClusterClient
) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    tuning = replace(QUICK, max_records=2)
    async with reading(daemon, topic(name), kafka.bootstrap, tuning):
        daemon.close_gate()
        await cluster.produce(name, numbers(0, 2))
        await daemon.waiting.wait()
        await cluster.produce(name, numbers(2, 10))
        await cluster.delete_records(name, 7)
        daemon.open_gate()
        await daemon.wait_for(6)
    (gap,) = daemon.findings()
    assert (gap.data["first"], gap.data["last"]) == (2, 6)
    assert daemon.offsets() == [0, 1, 7, 8, 9]


async def no_ids(cluster: Cluster, topics: Iterable[str]) -> Mapping[str, str]:
    """As a broker before Kafka 2.8 answers."""
    return {}


@pytest.mark.parametrize("has_ids", [True, False], ids=["ids", "no ids"])
@pytest.mark.parametrize("count", [3, 10, 15], ids=["shorter", "as long", "longer"])
async def test_a_recreated_topic_is_read_from_its_start(
    kafka: Broker,
    cluster: ClusterClient,
    count: int,
    has_ids: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not has_ids:
        monkeypatch.setattr(Cluster, "topic_ids", no_ids)
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, 10))
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(10)
    await cluster.delete_topic(name)
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, count))
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(10 + 1 + count)
    (found,) = daemon.findings()
    assert found.type == "triphammer.kafka.recreated"
    assert (found.data["stored"], found.data["end"], found.data["resumed"]) == (10, count, 0)
    assert daemon.offsets() == [*range(10), *range(count)]
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_ready()
    assert len(daemon.findings()) == 1, "it is reported once"


async def test_a_topic_recreated_while_it_is_read(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, 10))
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(10)
        await cluster.delete_topic(name)
        await daemon.wait_reason(lambda reason: reason is not None)
        await cluster.create_topic(name)
        await cluster.produce(name, numbers(0, 12))
        await daemon.wait_for(23)
    assert [event.type for event in daemon.findings()] == ["triphammer.kafka.recreated"]
    assert daemon.offsets() == [*range(10), *range(12)]


@pytest.mark.parametrize("count", [5, 12, 30], ids=["as long", "longer", "twice as long"])
async def test_a_topic_recreated_between_two_looks(
    kafka: Broker, cluster: ClusterClient, count: int
) -> None:
    """No fetch fails: where it goes on reading the new log has records, as the old one had."""
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    tuning = replace(QUICK, metadata_age_ms=3_000)
    async with reading(daemon, topic(name), kafka.bootstrap, tuning):
        daemon.close_gate()
        await cluster.produce(name, numbers(0, 5))
        await daemon.waiting.wait()
        await cluster.delete_topic(name)
        await cluster.create_topic(name)
        await cluster.produce(name, numbers(0, count))
        daemon.open_gate()
        await daemon.wait_for(5 + 1 + count)
    assert [event.type for event in daemon.findings()] == ["triphammer.kafka.recreated"]
    new = [e.data["n"] for e in daemon.records()[-count:]]
    assert sorted(new) == list(range(count))
    at = await position(daemon, cluster, name)
    assert (at.next, at.topic) == (count, await cluster.topic_id(name))


@pytest.mark.parametrize(("moved_to", "resumed"), [(3, 10), (14, 14)], ids=["back", "ahead"])
async def test_an_operators_reset_is_reported(
    kafka: Broker, cluster: ClusterClient, moved_to: int, resumed: int
) -> None:
    daemon, name, group = Daemon(), new_name("orders"), new_name("group")
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, 10))
    async with reading(daemon, topic(name, group=group), kafka.bootstrap):
        await daemon.wait_for(10)
    await cluster.produce(name, numbers(10, 20))
    await cluster.reset_group(group, name, moved_to)
    async with reading(daemon, topic(name, group=group), kafka.bootstrap):
        await daemon.wait_for(10 + 1 + 20 - resumed)
    (found,) = daemon.findings()
    assert found.type == "triphammer.kafka.reset"
    offsets = (found.data["stored"], found.data["committed"], found.data["resumed"])
    assert offsets == (10, moved_to, resumed)
    assert daemon.offsets() == [*range(10), *range(resumed, 20)]
    async with reading(daemon, topic(name, group=group), kafka.bootstrap):
        await daemon.wait_ready()
    assert len(daemon.findings()) == 1, "it is reported once"


async def test_a_topic_that_comes_later(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name, other = Daemon(), new_name("late"), new_name("there")
    await cluster.create_topic(other)
    async with reading(daemon, topic(name, other), kafka.bootstrap):
        reason = await daemon.wait_reason(lambda reason: reason is not None)
        assert reason == f"no topic {name!r} at {kafka.bootstrap} yet; waiting for it to be created"
        await cluster.produce(other, numbers(0, 1))
        await daemon.wait_for(1)
        assert name not in await cluster.admin.list_topics(), "asking must not create it"
        await cluster.create_topic(name)
        await cluster.produce(name, numbers(0, 1))
        await daemon.wait_for(2)
        await daemon.wait_ready()


async def test_partitions_that_come_later_are_read_from_their_start(
    kafka: Broker, cluster: ClusterClient
) -> None:
    daemon, name = Daemon(), new_name("grows")
    await cluster.create_topic(name)
    async with reading(daemon, topic(name), kafka.bootstrap, replace(QUICK, metadata_age_ms=2_000)):
        await cluster.produce(name, numbers(0, 3))
        await daemon.wait_for(3)
        await cluster.add_partitions(name, 3)
        await cluster.produce(name, numbers(0, 5), partition=2)
        await daemon.wait_for(8)
    assert daemon.offsets(2) == list(range(5))
    assert daemon.findings() == []


async def test_two_daemons_of_one_group_share_the_records(
    kafka: Broker, cluster: ClusterClient
) -> None:
    tally = Tally()
    first, second = Daemon("first", tally), Daemon("second", tally)
    name, group = new_name("orders"), new_name("group")
    source = topic(name, group=group)
    await cluster.create_topic(name, partitions=4)

    async def produce(begin: int, end: int) -> None:
        for partition in range(4):
            await cluster.produce(name, numbers(begin, end), partition=partition)

    async with reading(first, source, kafka.bootstrap):
        await produce(0, 10)
        await first.wait_for(40)
        async with reading(second, source, kafka.bootstrap):
            await produce(10, 30)
            await tally.reaches(120)
            assert len(await cluster.members(group)) == 2
            await produce(30, 40)
            await tally.reaches(160)
        await produce(40, 50)
        await tally.reaches(200)
    ids = [event.id for event in (*first.events, *second.events)]
    assert len(ids) == len(set(ids)) == 200
    assert second.events
    assert first.findings() == second.findings() == []


async def test_a_member_under_back_pressure_gives_its_partitions_away(
    kafka: Broker, cluster: ClusterClient
) -> None:
    tally = Tally()
    first, second = Daemon("first", tally), Daemon("second", tally)
    name, group = new_name("orders"), new_name("group")
    source = topic(name, group=group)
    await cluster.create_topic(name, partitions=2)
    tuning = replace(QUICK, flush_time=0.5)
    async with reading(first, source, kafka.bootstrap, tuning):
        await cluster.produce(name, numbers(0, 1))
        await tally.reaches(1)
        first.close_gate()
        await cluster.produce(name, numbers(1, 5), partition=0)
        await cluster.produce(name, numbers(1, 5), partition=1)
        await first.waiting.wait()
        async with reading(second, source, kafka.bootstrap, tuning):
            # It gets one of the two, and what the first had in hand of it comes again.
            await second.wait_for(4)
            first.open_gate()
            await tally.reaches(9)
            await cluster.produce(name, numbers(5, 10), partition=0)
            await cluster.produce(name, numbers(5, 10), partition=1)
            await second.wait_for(9)
            await first.wait_for(10)
    first_ids, second_ids = ({e.id for e in d.events} for d in (first, second))
    assert len(first_ids | second_ids) == 19
    assert len(first_ids & second_ids) <= 4, "only what was not committed to the broker"
    assert first.findings() == second.findings() == []


async def test_back_pressure_keeps_the_membership(kafka: Broker, cluster: ClusterClient) -> None:
    daemon, name, group = Daemon(), new_name("orders"), new_name("group")
    await cluster.create_topic(name)
    limit = 2_000
    tuning = replace(QUICK, max_poll_interval_ms=limit, max_records=3)
    async with reading(daemon, topic(name, group=group), kafka.bootstrap, tuning):
        await cluster.produce(name, numbers(0, 1))
        await daemon.wait_for(1)
        members = await cluster.members(group)
        daemon.close_gate()
        await cluster.produce(name, numbers(1, 20))
        await daemon.waiting.wait()
        clock = SystemClock()
        # Longer than the library may go without a poll before it leaves the group.
        await clock.wait_until(clock.now() + 2 * limit * 1000)
        assert await cluster.members(group) == members
        daemon.open_gate()
        await daemon.wait_for(20)
        assert await cluster.members(group) == members
    assert daemon.offsets() == list(range(20))
    assert daemon.emitted_in_all() == 20


async def test_a_store_that_is_away_delays_and_repeats_nothing(
    kafka: Broker, cluster: ClusterClient
) -> None:
    daemon, name = Daemon(), new_name("orders")
    await cluster.create_topic(name)
    await cluster.produce(name, numbers(0, 5))
    daemon.failures.extend([StoreUnavailable("the disk is full"), Overloaded("too many runs")])
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(5)
    assert daemon.offsets() == list(range(5))
    assert daemon.failures == []


async def test_without_a_broker_it_says_so_and_waits() -> None:
    daemon = Daemon()
    async with reading(daemon, topic("orders"), None):
        assert daemon.reason == "no Kafka broker configured ([kafka] bootstrap)"


async def test_a_broker_that_comes_later(kafka: Broker) -> None:
    daemon, name = Daemon(), new_name("orders")
    kafka.stop()
    async with reading(daemon, topic(name), kafka.bootstrap):
        assert daemon.reason == f"cannot reach the Kafka broker {kafka.bootstrap}"
        await anyio.to_thread.run_sync(kafka.start)
        await daemon.wait_reason(lambda reason: reason is not None and "no topic" in reason)


@pytest.mark.slow
async def test_it_can_be_stopped_while_the_broker_is_away(kafka: Broker) -> None:
    daemon, name = Daemon(), new_name("orders")
    async with open_cluster_client(kafka.bootstrap) as cluster:
        await cluster.create_topic(name)
    before = asyncio.all_tasks()
    try:
        with anyio.fail_after(30):
            async with reading(daemon, topic(name), kafka.bootstrap):
                await daemon.wait_ready()
                await anyio.to_thread.run_sync(kafka.kill)
                await daemon.wait_reason(lambda reason: reason is not None)
        assert asyncio.all_tasks() == before, "the library leaves no task behind"
    finally:
        await anyio.to_thread.run_sync(kafka.start)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_a_broker_that_is_away_for_20_seconds(kafka: Broker, kill: bool) -> None:
    daemon, name, clock = Daemon(), new_name("orders"), SystemClock()
    async with open_cluster_client(kafka.bootstrap) as cluster:
        await cluster.create_topic(name)
        await cluster.produce(name, numbers(0, 10))
    async with reading(daemon, topic(name), kafka.bootstrap):
        await daemon.wait_for(10)
        away = clock.now()
        await anyio.to_thread.run_sync(kafka.kill if kill else kafka.stop)
        reason = await daemon.wait_reason(lambda reason: reason is not None)
        assert reason == f"no answer from the Kafka broker {kafka.bootstrap}"
        await clock.wait_until(away + 20_000_000)
        await anyio.to_thread.run_sync(kafka.start)
        async with open_cluster_client(kafka.bootstrap) as cluster:
            await cluster.produce(name, numbers(10, 20))
        await daemon.wait_for(20)
        await daemon.wait_ready()
    assert daemon.offsets() == list(range(20))
    assert daemon.emitted_in_all() == 20
    assert daemon.findings() == []
