from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, cast

import anyio
import pytest
import trio.testing
from aiokafka.errors import KafkaConnectionError

from tests.sensors.harness import FakeClock
from triphammer.sensors.kafka.errors import KafkaNotReady
from triphammer.sensors.kafka.health import Reporter, Watch
from triphammer.sensors.kafka.positions import Partition
from triphammer.sensors.kafka.tuning import Tuning

pytestmark = pytest.mark.anyio

TUNING = Tuning(watch_every=1.0, silence=5.0, give_up=60.0)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


class Far:
    """A broker as consumer, session and cluster show it to the watch."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.partitions: list[Partition] = [("a", 0)]
        self.missing: list[str] = []
        self.fetches = True
        self.answers = True
        self._last = clock.now() / 1e6
        self.asked = 0

    def reading(self) -> Sequence[Partition]:
        return self.partitions

    def missing_topics(self) -> list[str]:
        return self.missing

    def answered_at(self, partitions: Iterable[Partition]) -> Sequence[float]:
        if self.fetches:
            self._last = self._clock.now() / 1e6
        return [self._last for _ in partitions]

    async def ask(self) -> None:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if not self.answers:
            raise KafkaConnectionError("refused")


class Reports:
    def __init__(self) -> None:
        self.reasons: list[str | None] = []
        self.report = Reporter(self.reasons.append, logging.getLogger("test.kafka"))

    def ends(self) -> tuple[str | None, str | None]:
        """The first reason and the last."""
        return self.reasons[0], self.reasons[-1]


def make(far: Far, reports: Reports) -> Watch:
    standing = cast(Any, far)
    return Watch(
        consumer=standing,
        session=standing,
        cluster=standing,
        bootstrap="there:9092",
        tuning=TUNING,
        report=reports.report,
    )


async def watched(watch: Watch, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        await watch.run()


async def test_a_broker_that_answers_is_ready_and_never_asked() -> None:
    clock, reports = FakeClock(), Reports()
    far = Far(clock)
    await watched(make(far, reports), 100)
    assert set(reports.reasons) == {None}
    assert far.asked == 0


async def test_silence_is_reported_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    clock, reports = FakeClock(), Reports()
    far = Far(clock)
    watch = make(far, reports)
    far.fetches = far.answers = False
    with caplog.at_level(logging.INFO):
        await watched(watch, 30)
        assert reports.ends() == (None, "no answer from the Kafka broker there:9092")
        far.fetches = far.answers = True
        await watched(watch, 5)
    assert reports.ends() == (None, None)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "Kafka is not ready: no answer from the Kafka broker there:9092",
        "Kafka works again",
    ]


async def test_a_clock_that_is_set_is_no_silence_and_hides_none() -> None:
    clock, reports = FakeClock(), Reports()
    far = Far(clock)
    async with anyio.create_task_group() as group:
        group.start_soon(make(far, reports).run)
        for hours in (1, -2, 1):
            await anyio.sleep(30)
            clock.step(hours * 3_600_000_000)
        await anyio.sleep(30)
        assert set(reports.reasons) == {None}
        far.fetches = far.answers = False
        clock.step(-3_600_000_000)
        await anyio.sleep(30)
        assert reports.reasons[-1] == "no answer from the Kafka broker there:9092"
        group.cancel_scope.cancel()


async def test_who_reads_nothing_asks() -> None:
    """With more members than partitions there is nothing to fetch, which is no silence."""
    clock, reports = FakeClock(), Reports()
    far = Far(clock)
    far.partitions = []
    await watched(make(far, reports), 100)
    assert set(reports.reasons) == {None}
    assert 10 <= far.asked <= 20


async def test_a_long_silence_ends_the_session() -> None:
    clock, reports = FakeClock(), Reports()
    far = Far(clock)
    far.fetches = far.answers = False
    with pytest.raises(KafkaNotReady, match=r"no answer from there:9092 for 6[01] s"):
        await make(far, reports).run()


async def test_fetching_that_has_died_ends_the_session_though_the_broker_lives() -> None:
    clock, reports = FakeClock(), Reports()
    far = Far(clock)
    far.fetches = False
    with pytest.raises(KafkaNotReady):
        await make(far, reports).run()


async def test_topics_that_are_missing_are_named() -> None:
    clock, reports = FakeClock(), Reports()
    far = Far(clock)
    far.missing = ["a", "b"]
    await watched(make(far, reports), 1)
    assert reports.reasons == ["no topic 'a', 'b' at there:9092 yet; waiting for it to be created"]
