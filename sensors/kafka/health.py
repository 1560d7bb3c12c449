"""Whether the broker answers and the topics are there: for `/readyz`, and once for the log."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio
from aiokafka.errors import KafkaError

from triphammer.sensors.kafka.cluster import Cluster
from triphammer.sensors.kafka.consumer import GroupConsumer
from triphammer.sensors.kafka.errors import KafkaNotReady
from triphammer.sensors.kafka.session import Session
from triphammer.sensors.kafka.tuning import Tuning


class Reporter:
    """Reports a reason when it changes, to `ready` and as one line of the log."""

    def __init__(self, ready: Callable[[str | None], None], log: logging.Logger) -> None:
        self._ready = ready
        self._log = log
        self._last: str | None = None

    def __call__(self, reason: str | None) -> None:
        """What keeps the sensor from its work now; None: nothing."""
        self._ready(reason)
        if reason == self._last:
            return
        if reason is None:
            self._log.info("Kafka works again")
        else:
            self._log.warning("Kafka is not ready: %s", reason)
        self._last = reason


class Watch:
    """Looks at one session from the side; raises `KafkaNotReady` once it must be renewed.

    The library retries by itself while a broker is gone and tells nobody: what shows is that
    fetches stay unanswered.
    """

    def __init__(
        self,
        *,
        consumer: GroupConsumer,
        session: Session,
        cluster: Cluster,
        bootstrap: str,
        tuning: Tuning,
        report: Reporter,
    ) -> None:
        self._consumer = consumer
        self._session = session
        self._cluster = cluster
        self._bootstrap = bootstrap
        self._tuning = tuning
        self._report = report
        self._heard = anyio.current_time()
        self._answers: set[float] = set()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            silent = await self._silence()
            if silent > self._tuning.give_up:
                raise KafkaNotReady(f"no answer from {self._bootstrap} for {silent:.0f} s")
            self._report(self._reason(silent))
            await anyio.sleep(self._tuning.watch_every)

    def _reason(self, silent: float) -> str | None:
        if silent > self._tuning.silence:
            return f"no answer from the Kafka broker {self._bootstrap}"
        missing = self._consumer.missing_topics()
        if not missing:
            return None
        names = ", ".join(repr(topic) for topic in missing)
        return f"no topic {names} at {self._bootstrap} yet; waiting for it to be created"

    async def _silence(self) -> float:
        """Seconds since the broker last answered a fetch.

        While nothing is fetched (back-pressure, more members than partitions) it is asked.
        """
        reading, now = self._session.reading(), anyio.current_time()
        # The library stamps answers with the wall clock, which may be set: that a stamp is a
        # new one is all that it says here.
        answers = {stamp for stamp in self._consumer.answered_at(reading) if stamp}
        if answers - self._answers:
            self._heard = now
        self._answers = answers
        silent = now - self._heard
        if silent > self._tuning.silence and not reading and await self._asked():
            self._heard = anyio.current_time()
            return 0.0
        return silent

    async def _asked(self) -> bool:
        try:
            with anyio.fail_after(self._tuning.silence):
                await self._cluster.ask()
        except (KafkaError, TimeoutError, OSError):
            return False
        return True
