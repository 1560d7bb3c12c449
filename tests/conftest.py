from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kafka.broker import Broker, open_broker


@pytest.fixture(scope="session")
def kafka(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A real Apache Kafka, started once; a test that stops it starts it again."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")

    def tell(line: str) -> None:
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(line)

    with open_broker(tmp_path_factory.mktemp("kafka"), tell) as broker:
        yield broker
