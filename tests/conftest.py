from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.kafka.jars import Unavailable
from tests.kafka.node import KafkaNode


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """A real Apache Kafka, started once; a test that stops it starts it again."""
    try:
        node = KafkaNode(tmp_path_factory.mktemp("kafka"))
    except Unavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    node.start()
    yield node
    node.stop()
