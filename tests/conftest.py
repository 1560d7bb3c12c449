from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import settings

from tests.kafka.broker import Broker, must_have_kafka, open_broker
from tests.kafka.jars import Unavailable

# No test of ours measures time, and a machine may be slow.
settings.register_profile("triphammer", deadline=None)
settings.load_profile("triphammer")

SAYS = """\
{}: the tests that need Apache Kafka are skipped; the mock cluster of librdkafka serves the rest"""


@pytest.fixture(scope="session")
def kafka(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A real Apache Kafka, started once; a test that stops it starts it again."""
    try:
        with open_broker(tmp_path_factory.mktemp("kafka")) as broker:
            yield broker
    except Unavailable as reason:
        if must_have_kafka():
            raise
        capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            print(f"\n{SAYS.format(reason)}")
        pytest.skip(str(reason))
