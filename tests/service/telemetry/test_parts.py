"""Parts and processes as figures: where messages go to is no label, for events may say it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from tests.service.telemetry.exposition import Read, read
from triphammer.service.health import Health
from triphammer.service.metrics import render
from triphammer.service.supervisor import PAUSED
from triphammer.service.telemetry.gauges import PARTITIONS, lag_figures
from triphammer.service.telemetry.names import OTHER
from triphammer.service.telemetry.parts import part_figures
from triphammer.service.telemetry.process import process_figures


def told(health: Health) -> Mapping[str, Read]:
    return read(render(part_figures(health.parts().values())))


def test_sensors_stand_apart_from_other_parts() -> None:
    health = Health(lambda: 0)
    health.report("store", None)
    health.report("sensor kafka:kafka", None)
    health.failed("sensor files:in", "gone")
    found = told(health)
    assert found["triphammer_sensor_up"].value(sensor="kafka:kafka") == 1
    assert found["triphammer_sensor_up"].value(sensor="files:in") == 0
    assert found["triphammer_sensor_failures_total"].value(sensor="files:in") == 1
    assert found["triphammer_part_up"].values("part") == {"store"}


def test_a_paused_sensor_is_told_apart_from_one_that_does_not_work() -> None:
    health = Health(lambda: 0)
    health.failed("sensor files:in", "gone")
    health.report("sensor timer:f/0", PAUSED)
    found = told(health)
    assert found["triphammer_sensor_paused"].value(sensor="timer:f/0") == 1
    assert found["triphammer_sensor_paused"].value(sensor="files:in") == 0


def test_a_thousand_targets_are_one_figure() -> None:
    health = Health(lambda: 0)
    for number in range(1000):
        health.report(f"outbox to http://{number}.example.com", "refused")
    found = told(health)
    assert found["triphammer_outbox_targets_failing"].value() == 1000
    assert found["triphammer_part_up"].samples == {}


def test_partitions_beyond_the_first_are_told_together() -> None:
    class Behind:
        def lag(self) -> Mapping[tuple[str, int], int]:
            return {("t", number): 2 for number in range(PARTITIONS + 50)}

    found = lag_figures([Behind(), object()])
    assert len(found) == PARTITIONS + 1
    assert found[OTHER, OTHER] == 100
    assert found["t", "0"] == 2


def test_the_process_is_this_one() -> None:
    found = read(render(process_figures(1234.5)))
    assert found["process_start_time_seconds"].value() == 1234.5
    before = found["process_cpu_seconds_total"].value()
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    null = Path(os.devnull)
    with null.open() as first, null.open() as second:
        assert first.fileno() != second.fileno()
        after = read(render(process_figures(1234.5)))
    assert after["process_cpu_seconds_total"].value() > before
    if "process_open_fds" in found:
        opened = after["process_open_fds"].value() - found["process_open_fds"].value()
        assert opened == 2
        assert found["process_resident_memory_bytes"].value() > 10_000_000
        assert found["process_open_fds"].value() < found["process_max_fds"].value()
