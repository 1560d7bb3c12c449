"""What every kind of sensor must do, whatever it watches."""

from __future__ import annotations

import logging
from datetime import UTC
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from tests.contracts.sensor_cases import SensorCase, parameters
from tests.sensors.harness import Recorder, make_context, make_secrets, spec_of
from triphammer.config.patterns import compile_pattern
from triphammer.sensors.contract import Sensor
from triphammer.sensors.event import Event
from triphammer.sensors.registry import sensor_kind
from triphammer.service.health import Health
from triphammer.service.supervisor import Supervisor

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("case", parameters())]
FLOW = "listener"
WATCHING_NOTHING: Any = None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def build(case: SensorCase, recorder: Recorder, folder: Path) -> Sensor:
    kind = sensor_kind(case.kind)
    spec = kind.merge([spec_of(case.source(folder), FLOW)])
    return kind.build(make_context(spec, recorder, secrets=make_secrets(case.secrets)))


class Running:
    """A sensor that was started, and its end: soon after it is cancelled."""

    def __init__(self, case: SensorCase, recorder: Recorder, folder: Path) -> None:
        self._case = case
        self._folder = folder
        self.recorder = recorder
        self.sensor = build(case, recorder, folder)

    async def events(self, count: int) -> list[Event]:
        """Run until `count` events in all have come, one of them brought about by us."""
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                await group.start(self.sensor.run)
                await self._case.cause(self.sensor, self._folder, count)
                await self.recorder.wait_for(count)
                group.cancel_scope.cancel()
        return list(self.recorder.events)


def test_merge_keeps_the_identity_and_is_idempotent(case: SensorCase, tmp_path: Path) -> None:
    kind, spec = sensor_kind(case.kind), spec_of(case.source(tmp_path), FLOW)
    once = kind.merge([spec])
    assert once.id == spec.id
    assert kind.merge([spec, spec]) == once
    assert kind.merge([once, spec]) == once
    assert kind.merge([once]) == once


async def test_it_starts_and_reports_that_it_is_ready(case: SensorCase, tmp_path: Path) -> None:
    recorder = Recorder()
    built = build(case, recorder, tmp_path)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(built.run)
            assert recorder.reason is None
            group.cancel_scope.cancel()


async def test_its_events_are_those_its_source_matches(case: SensorCase, tmp_path: Path) -> None:
    source = case.source(tmp_path)
    pattern = compile_pattern(source.matching(FLOW))
    events = await Running(case, Recorder(), tmp_path).events(1)
    assert [pattern.why(event) for event in events] == [None] * len(events)
    assert all(event.time.tzinfo is UTC for event in events)
    assert all(event.received_at.tzinfo is UTC for event in events)


async def test_after_a_restart_it_goes_on(case: SensorCase, tmp_path: Path) -> None:
    recorder = Recorder()
    first = await Running(case, recorder, tmp_path).events(1)
    before = len(recorder.emissions)
    await Running(case, recorder, tmp_path).events(len(first) + 1)
    again = [event.id for emission in recorder.emissions[before:] for event in emission.events]
    assert not {event.id for event in first} & set(again)


async def test_what_happens_while_it_is_paused_comes_once_and_afterwards(
    case: SensorCase, tmp_path: Path
) -> None:
    """What is pushed at it is refused meanwhile, and comes again by its sender."""
    recorder = Recorder()
    spec = sensor_kind(case.kind).merge([spec_of(case.source(tmp_path), FLOW)])
    secrets = make_secrets(case.secrets)
    supervisor = Supervisor(
        make_context=lambda spec, _: make_context(spec, recorder, secrets=secrets),
        health=Health(lambda: 0),
        random=Random(1),
        log=logging.getLogger("test"),
    )
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(supervisor.run)
            await supervisor.apply({spec.id: spec})
            await case.cause(supervisor.sensors[spec.id], tmp_path, 1)
            await recorder.wait_for(1)
            await supervisor.pause(spec.id)
            assert spec.id not in supervisor.sensors
            before = len(recorder.emissions)
            if case.happens_at_its_source:
                await case.cause(WATCHING_NOTHING, tmp_path, 2)
            await anyio.wait_all_tasks_blocked()
            assert len(recorder.emissions) == before
            await supervisor.resume(spec.id)
            if not case.happens_at_its_source:
                await case.cause(supervisor.sensors[spec.id], tmp_path, 2)
            await recorder.wait_for(len(recorder.events) + (len(recorder.emissions) == before))
            await supervisor.stop()
            group.cancel_scope.cancel()
    ids = [event.id for emission in recorder.emissions for event in emission.events]
    assert len(ids) == len(set(ids)) >= 2


async def test_cancelled_while_starting_it_ends(case: SensorCase, tmp_path: Path) -> None:
    built = build(case, Recorder(), tmp_path)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await built.run(task_status=anyio.TASK_STATUS_IGNORED)
    assert scope.cancelled_caught
