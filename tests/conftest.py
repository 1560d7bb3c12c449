"""What every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.jars import Unavailable
from tests.kafka.node import KafkaNode


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio; those in virtual time say so themselves."""
    return "asyncio"


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Apache Kafka: `TRIPHAMMER_TEST_KAFKA`, or a node of the suite's own."""
    given = os.environ.get("TRIPHAMMER_TEST_KAFKA")
    if given:
        yield given
        return
    node = new_node(tmp_path_factory.mktemp("kafka"))
    node.start()
    yield node.bootstrap
    node.kill()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[KafkaNode]:
    """A started node of the test's own, to stop and start."""
    node = new_node(tmp_path)
    node.start()
    yield node
    node.kill()


def new_node(folder: Path) -> KafkaNode:
    """A node; without Java or Maven the test is skipped, on CI it fails."""
    try:
        return KafkaNode(folder)
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
