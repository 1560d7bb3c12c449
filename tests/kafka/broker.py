"""Which Kafka the tests talk to: one of our own, or a given one."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

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

    def freeze(self) -> None:
        """Let it do nothing, and take everything."""

    def thaw(self) -> None:
        """Let it go on."""

    def log_of(self, topic: str, partition: int = 0) -> Path:
        """The file that holds the partition's records."""
        ...


class ForeignBroker:
    """A Kafka that is not ours to stop: a test that wants to is skipped."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def start(self) -> None:
        """It runs."""

    def stop(self) -> None:
        pytest.skip("needs a Kafka of the suite's own, to stop it")

    kill = freeze = stop

    def thaw(self) -> None:
        """It runs."""

    def log_of(self, topic: str, partition: int = 0) -> Path:
        pytest.skip("needs a Kafka of the suite's own, to reach its files")


@contextmanager
def open_broker(folder: Path) -> Generator[Broker]:
    """The broker that `TRIPHAMMER_TEST_KAFKA=host:port` names, or our own in `folder`.

    Raises `Unavailable` where Apache Kafka cannot be run (no Java, no Maven).
    """
    given = os.environ.get("TRIPHAMMER_TEST_KAFKA")
    if given:
        yield ForeignBroker(given)
        return
    with KafkaNode(folder) as node:
        yield node


def must_have_kafka() -> bool:
    """Whether a missing Kafka is a failure, not a reason to skip."""
    return os.environ.get("CI") == "true"
