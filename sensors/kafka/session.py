"""One membership in the consumer group: positions decided, batches taken, offsets committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import anyio
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from triphammer.config.clock import Clock
from triphammer.sensors.contract import DeadRecord, Emission, SensorContext
from triphammer.sensors.errors import Overloaded
from triphammer.sensors.event import Event
from triphammer.sensors.kafka.batch import Cursor, Taken, take_batch
from triphammer.sensors.kafka.cluster import Cluster
from triphammer.sensors.kafka.committer import Committer
from triphammer.sensors.kafka.consumer import GroupConsumer
from triphammer.sensors.kafka.errors import Unreadable
from triphammer.sensors.kafka.findings import finding_event, finding_text
from triphammer.sensors.kafka.options import KafkaOptions
from triphammer.sensors.kafka.positions import (
    Partition,
    Position,
    are_different,
    decode_position,
    encode_position,
    position_key,
)
from triphammer.sensors.kafka.records import Record, RecordReader, source_name
from triphammer.sensors.kafka.start import Facts, Start, decide_start, mark
from triphammer.sensors.kafka.tuning import Tuning

Batch = Mapping[Partition, Sequence[Record]]


class Session:
    """Reads the partitions that the group gives us, until cancelled or the library fails.

    A partition is read only while it has a cursor. On assignment it is paused and noted in
    `_undecided`; the poll loop, not the library's callback (which stops the heartbeat while
    it runs), then asks where it stands and sets its cursor.
    """

    def __init__(
        self,
        *,
        context: SensorContext,
        options: KafkaOptions,
        group: str,
        consumer: GroupConsumer,
        cluster: Cluster,
        tuning: Tuning,
    ) -> None:
        self._context = context
        self._group = group
        self._consumer = consumer
        self._cluster = cluster
        self._tuning = tuning
        self._clock: Clock = context.clock
        self._readers = {
            topic: RecordReader(
                cluster=cluster.id, topic=topic, connection=options.connection, value=kind
            )
            for topic, kind in options.topics.items()
        }
        self._cursors: dict[Partition, Cursor] = {}
        # Partitions to decide about; True where the log was found to be another one.
        self._undecided: dict[Partition, bool] = {}
        # The ids of the topics: as last heard, and as each partition is read.
        self._present: Mapping[str, str] = {}
        self._read_as: dict[Partition, str] = {}
        self._generation = 0
        self._asking = anyio.CancelScope()
        self._idle = anyio.Event()
        self._idle.set()
        self.committer = Committer(self._commit, limit=tuning.commit_time, log=context.log)

    async def run(self) -> None:
        """Take in record after record."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.committer.run, name="kafka commits")
            group.start_soon(self._watch_topics, name="kafka topics")
            while True:
                await self._turn()

    def reading(self) -> Sequence[Partition]:
        """The partitions that are being fetched from."""
        paused = self._consumer.paused()
        return [partition for partition in self._cursors if partition not in paused]

    def lag(self) -> Mapping[Partition, int]:
        """Of each partition how many records the broker had, when last heard from, that are not
        taken in."""
        ends = self._consumer.ends(self._cursors)
        return {p: max(0, end - self._cursors[p].position.next) for p, end in ends.items()}

    # --- what the group tells us; called by the library ---------------------------------

    async def revoked(self) -> None:
        """Finish and commit what was taken in, then give every partition away.

        Bounded: an emission under back-pressure may take for ever. If it is stored later,
        another member may take the same records in, under the same ids.
        """
        with anyio.move_on_after(self._tuning.flush_time):
            await self._idle.wait()
            await self.committer.flush()
        self.committer.forget()
        self._asking.cancel()
        self._generation += 1
        self._cursors.clear()
        self._undecided.clear()
        self._read_as.clear()

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Partitions have come: hold them until it is decided where to begin."""
        self._consumer.pause(partitions)
        self._undecided.update(dict.fromkeys(partitions, False))

    # --- the poll loop ------------------------------------------------------------------

    async def _watch_topics(self) -> None:
        """Hear of topics that are recreated under their names while they are read.

        Nothing else tells when the new one soon has as many records as were read of the old.
        """
        while True:
            await anyio.sleep(self._tuning.metadata_age_ms / 1000)
            with suppress(KafkaError, OSError, TimeoutError):
                self._present = await self._cluster.topic_ids(self._readers)

    async def _turn(self) -> None:
        present, read_as = self._present, self._read_as
        self._undecide([p for p in read_as if are_different(read_as[p], present.get(p[0], ""))])
        if self._undecided:
            await self._decide()
        batch = await self._poll(self._tuning.poll_time)
        if batch:
            await self._take(batch)

    async def _poll(self, timeout: float) -> Batch:
        try:
            return await self._consumer.poll(timeout)
        except OffsetOutOfRangeError as error:
            self._undecide(error.args[0])
        except NoOffsetForPartitionError as error:
            # The library looked for a position before we had decided on one.
            self._undecide([error.args[0]])
        except Unreadable as error:
            self._context.log.warning("records are fetched again and mended: %s", error)
            self._undecide(list(self._cursors))
        return {}

    def _undecide(self, partitions: Sequence[Partition] | Mapping[Partition, int]) -> None:
        assigned = self._consumer.assigned()
        mine = [partition for partition in partitions if partition in assigned]
        for partition in mine:
            self._cursors.pop(partition, None)
        self.assigned(mine)

    async def _take(self, batch: Batch) -> None:
        # No await before this line since the records were handed out: a rebalance waits.
        self._idle = anyio.Event()
        try:
            taken = take_batch(batch, self._cursors, self._readers, self._clock.now())
            advance = partial(self._advance, taken, self._generation)
            if taken.moved:
                await self._store(taken.events, taken.moved, advance, dead=taken.dead)
            else:
                advance()
        finally:
            self._idle.set()

    def _advance(self, taken: Taken, generation: int) -> None:
        if generation != self._generation:
            return
        for partition in self._cursors.keys() & taken.checked:
            self._cursors[partition] = Cursor(self._cursors[partition].position)
        for partition, position in taken.moved.items():
            self._cursors[partition] = Cursor(position)
        self.committer.offer(taken.moved)
        self._undecide(taken.replaced)
        self._undecided.update(dict.fromkeys(taken.replaced, True))

    # --- where to begin -----------------------------------------------------------------

    async def _decide(self) -> None:
        generation, undecided = self._generation, dict(self._undecided)
        facts: Mapping[Partition, Facts] = {}
        with anyio.CancelScope() as self._asking:
            facts = await self._facts(undecided)
        starts = {partition: decide_start(known) for partition, known in facts.items()}
        await self._report(starts, facts)
        if generation != self._generation:
            return
        for partition, start in starts.items():
            if self._undecided.pop(partition, None) is not None:
                self._begin(partition, start, facts[partition])

    def _begin(self, partition: Partition, start: Start, facts: Facts) -> None:
        position = Position(start.offset, topic=facts.topic)
        self._consumer.seek(partition, start.read_from)
        self._cursors[partition] = Cursor(position, start.check)
        self._read_as[partition] = facts.topic
        self._consumer.resume([partition])
        known = facts.committed
        if (
            start.findings
            or known is None
            or (known.offset, known.topic)
            != (
                start.offset,
                facts.topic,
            )
        ):
            self.committer.offer({partition: position})

    async def _facts(self, undecided: Mapping[Partition, bool]) -> dict[Partition, Facts]:
        stored = await self._context.positions()
        # Before the others: of a topic that is recreated meanwhile the old id is found out.
        self._present = await self._cluster.topic_ids(self._readers)
        committed = await self._cluster.committed(self._group, undecided)
        limits = await self._consumer.limits(undecided)
        facts: dict[Partition, Facts] = {}
        for partition, replaced in undecided.items():
            text = stored.get(position_key(self._cluster.id, partition))
            earliest, end = limits[partition]
            topic, read_as = self._present.get(partition[0], ""), self._read_as.get(partition, "")
            facts[partition] = Facts(
                earliest=earliest,
                end=end,
                topic=topic,
                stored=None if text is None else decode_position(text),
                committed=committed.get(partition),
                replaced=replaced or are_different(topic, read_as),
            )
        return facts

    async def _report(
        self, starts: Mapping[Partition, Start], facts: Mapping[Partition, Facts]
    ) -> None:
        """Store every finding as an event, together with the position that follows from it."""
        events: list[Event] = []
        moved: dict[Partition, Position] = {}
        now = self._clock.now()
        for partition, start in starts.items():
            source = source_name(self._cluster.id, partition[0])
            for finding in start.findings:
                self._context.log.warning(finding_text(finding, partition))
                events.append(
                    finding_event(finding, partition, source=source, group=self._group, now=now)
                )
                moved[partition] = Position(start.offset, topic=facts[partition].topic)
        if events:
            await self._store(events, moved, lambda: None)

    # --- storing, and staying in the group meanwhile ------------------------------------

    async def _store(
        self,
        events: Sequence[Event],
        moved: Mapping[Partition, Position],
        stored: Callable[[], None],
        dead: Sequence[DeadRecord] = (),
    ) -> None:
        """Emit, and call `stored` as soon as that is durable: no cancellation in between."""
        emission = Emission(
            events=events,
            positions={
                position_key(self._cluster.id, partition): encode_position(position)
                for partition, position in moved.items()
            },
            dead=dead,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(self._stay, name="kafka keep-alive")
            await self._until_stored(emission)
            stored()
            group.cancel_scope.cancel()
        self._consumer.resume(self._cursors)

    async def _until_stored(self, emission: Emission) -> None:
        delay = self._tuning.first_backoff
        while True:
            try:
                await self._context.emit(emission)
            except Overloaded as error:
                self._context.log.warning("records wait: %s", error)
                await anyio.sleep(delay)
                delay = min(delay * 2, self._tuning.max_backoff)
            else:
                return

    async def _stay(self) -> None:
        """Poll paused partitions while an emission waits: silence would cost the membership."""
        if not self._context.congested():
            await anyio.sleep(self._tuning.patience)
        while True:
            self._consumer.pause(self._consumer.assigned())
            # Paused partitions hand nothing out; what was fetched is fetched again later.
            await self._poll(0)
            await anyio.sleep(self._tuning.keep_alive)

    async def _commit(self, positions: Mapping[Partition, Position]) -> None:
        folder = self._context.folder_id
        await self._consumer.commit(
            {
                partition: (position.next, mark(folder, position.topic))
                for partition, position in positions.items()
            }
        )
