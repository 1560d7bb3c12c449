"""Which Kafka the tests talk to: a given one, one of our own, or the mock cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.kafka.jars import Unavailable
from tests.kafka.mock import open_mock_cluster
from tests.kafka.node import KafkaNode


class Broker(Protocol):
    """A Kafka at `bootstrap`."""

    @property
    def bootstrap(self) -> str: ...

    def start(self) -> None:
        """Run it again, with the same address and data."""

    def stop(self) -> None:
        """Shut it down in order."""

    def kill(self) -> None:
        """End it at once."""


class ForeignBroker:
    """A Kafka that is not ours to stop: a test that wants to is skipped."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def start(self) -> None:
        """It runs."""

    def stop(self) -> None:
        pytest.skip("needs a Kafka of the suite's own, to stop it")

    kill = stop


@contextmanager
def open_broker(folder: Path, tell: Callable[[str], None]) -> Generator[Broker]:
    """The broker of the session.

    `TRIPHAMMER_TEST_KAFKA=host:port` names one that runs; else Apache Kafka is started in
    `folder`. Where that cannot be (no Java, no Maven), the mock cluster inside librdkafka
    stands in, unless CI=true, which raises `Unavailable`. `tell` is given a line for people.
    """
    given = os.environ.get("TRIPHAMMER_TEST_KAFKA")
    if given:
        tell(f"Kafka: the broker at {given} (TRIPHAMMER_TEST_KAFKA)")
        yield ForeignBroker(given)
        return
    try:
        node = KafkaNode(folder)
    except Unavailable as reason:
        if os.environ.get("CI") == "true":
            raise
        tell(f"Kafka: the mock cluster of librdkafka, for {reason}")
        with open_mock_cluster() as bootstrap:
            yield ForeignBroker(bootstrap)
        return
    with node:
        yield node
