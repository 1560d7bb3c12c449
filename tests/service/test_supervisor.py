"""The sensors that run are the wanted ones, whoever asks at the same time."""

from __future__ import annotations

import logging
from random import Random
from typing import Any, ClassVar, Self

import anyio
import pytest
import trio.testing
from anyio.abc import TaskStatus

from tests.sensors.harness import Recorder, make_context
from triphammer.config.source import SensorSpec
from triphammer.config.trace_context import current_trace
from triphammer.sensors.contract import SensorContext
from triphammer.service.health import Health
from triphammer.service.supervisor import PAUSED, Supervisor

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


class Lingering:
    """A sensor that takes a second to end."""

    kind: ClassVar[str] = "lingering"
    running: ClassVar[set[str]] = set()
    traces: ClassVar[set[str]] = set()

    def __init__(self, context: SensorContext) -> None:
        self._name = f"{context.spec.name} {context.spec.options['version']}"

    @classmethod
    def build(cls, context: SensorContext) -> Self:
        return cls(context)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        self.running.add(self._name)
        self.traces.add(current_trace.get())
        try:
            task_status.started()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1)
            self.running.discard(self._name)


@pytest.fixture
def health() -> Health:
    return Health(lambda: 0)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch, health: Health) -> Supervisor:
    def kind(_: str) -> Any:
        return Lingering

    monkeypatch.setattr("triphammer.service.supervisor.sensor_kind", kind)
    Lingering.running.clear()
    Lingering.traces.clear()
    return Supervisor(
        make_context=lambda spec, _: make_context(spec, Recorder()),
        health=health,
        random=Random(1),
        log=logging.getLogger("test"),
    )


def specs(version: int, *names: str) -> dict[str, SensorSpec]:
    made = [SensorSpec("lingering", name, {"version": version}) for name in names]
    return {spec.id: spec for spec in made}


async def test_changed_sensors_are_started_anew_and_others_left_alone(
    supervisor: Supervisor,
) -> None:
    async with anyio.create_task_group() as group:
        await group.start(supervisor.run)
        await supervisor.apply(specs(1, "a", "b", "c"))
        assert Lingering.running == {"a 1", "b 1", "c 1"}
        await supervisor.apply({**specs(1, "a"), **specs(2, "b")})
        assert Lingering.running == {"a 1", "b 2"}
        await supervisor.stop()
        assert Lingering.running == set()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("head_start", [0.0, 0.5, 1.5])
async def test_a_stop_during_a_reload_stops_all(supervisor: Supervisor, head_start: float) -> None:
    async with anyio.create_task_group() as group:
        await group.start(supervisor.run)
        await supervisor.apply(specs(1, "a", "b"))
        async with anyio.create_task_group() as asking:
            asking.start_soon(supervisor.apply, specs(2, "a", "b"))
            await anyio.sleep(head_start)
            await supervisor.stop()
            assert Lingering.running == set()
        await anyio.wait_all_tasks_blocked()
        assert Lingering.running == set()
        assert supervisor.sensors == {}
        group.cancel_scope.cancel()


async def test_a_reload_after_the_stop_starts_nothing(supervisor: Supervisor) -> None:
    async with anyio.create_task_group() as group:
        await group.start(supervisor.run)
        await supervisor.stop()
        await supervisor.apply(specs(1, "a"))
        assert Lingering.running == set()
        group.cancel_scope.cancel()


async def test_a_paused_sensor_does_not_run_and_the_others_do(supervisor: Supervisor) -> None:
    async with anyio.create_task_group() as group:
        await group.start(supervisor.run)
        supervisor.remember_paused(["lingering:a", "lingering:elsewhere"])
        await supervisor.apply(specs(1, "a", "b"))
        assert Lingering.running == {"b 1"}
        await supervisor.pause("lingering:b")
        assert Lingering.running == set()
        assert supervisor.sensors == {}
        await supervisor.apply(specs(2, "a", "b", "c"))
        assert Lingering.running == {"c 2"}
        await supervisor.resume("lingering:a")
        assert Lingering.running == {"a 2", "c 2"}
        assert supervisor.paused == {"lingering:b", "lingering:elsewhere"}
        group.cancel_scope.cancel()


async def test_pausing_is_told_among_the_parts_as_long_as_it_is_wanted(
    supervisor: Supervisor, health: Health
) -> None:
    async with anyio.create_task_group() as group:
        await group.start(supervisor.run)
        await supervisor.apply(specs(1, "a"))
        for _ in range(2):
            await supervisor.pause("lingering:a")
            assert health.parts()["sensor lingering:a"].reason == PAUSED
        await supervisor.apply({})
        assert health.parts() == {}
        await supervisor.apply(specs(1, "a"))
        assert health.parts()["sensor lingering:a"].reason == PAUSED
        await supervisor.resume("lingering:a")
        assert health.parts()["sensor lingering:a"].reason is None
        group.cancel_scope.cancel()


async def test_resuming_after_the_stop_starts_nothing(supervisor: Supervisor) -> None:
    async with anyio.create_task_group() as group:
        await group.start(supervisor.run)
        supervisor.remember_paused(["lingering:a"])
        await supervisor.apply(specs(1, "a"))
        await supervisor.stop()
        await supervisor.resume("lingering:a")
        assert Lingering.running == set()
        group.cancel_scope.cancel()


async def test_a_sensor_is_not_about_the_request_that_resumed_it(supervisor: Supervisor) -> None:
    async with anyio.create_task_group() as group:
        await group.start(supervisor.run)
        supervisor.remember_paused(["lingering:a"])
        await supervisor.apply(specs(1, "a"))
        token = current_trace.set("ab" * 16)
        await supervisor.resume("lingering:a")
        assert current_trace.get() == "ab" * 16
        current_trace.reset(token)
        assert Lingering.traces == {""}
        group.cancel_scope.cancel()
