"""How the parts of the daemon are, as figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from triphammer.service.health import PartHealth
from triphammer.service.metrics import Metric
from triphammer.service.supervisor import PAUSED
from triphammer.service.telemetry import families

SENSOR, TARGET = "sensor ", "outbox to "
"""What the names of sensors, and of targets that refuse messages, begin with."""


def part_figures(parts: Iterable[PartHealth]) -> Iterator[Metric]:
    """Sensors apart; of targets only how many fail: events may say where messages go to."""
    up: dict[tuple[str, ...], float] = {}
    failures: dict[tuple[str, ...], float] = {}
    paused: dict[tuple[str, ...], float] = {}
    sensors_up: dict[tuple[str, ...], float] = {}
    sensors_failures: dict[tuple[str, ...], float] = {}
    failing = 0
    for part in parts:
        works = float(part.reason is None)
        if part.name.startswith(TARGET):
            failing += not works
        elif part.name.startswith(SENSOR):
            name = (part.name.removeprefix(SENSOR),)
            sensors_up[name], sensors_failures[name] = works, part.failures
            paused[name] = float(part.reason == PAUSED)
        else:
            up[part.name,], failures[part.name,] = works, part.failures
    yield families.TARGETS_FAILING.one(failing)
    yield families.SENSOR_UP.of(sensors_up)
    yield families.SENSOR_PAUSED.of(paused)
    yield families.SENSOR_FAILURES.of(sensors_failures)
    yield families.PART_UP.of(up)
    yield families.PART_RESTARTS.of(failures)
