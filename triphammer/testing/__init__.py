"""The testing kit: flows in memory, with virtual time.

with simulate(orders, secrets={"SLACK_URL": "x"}) as sim:
    run = sim.emit(file_event(tmp_path / "a.csv", b"id\\n1\\n"))
    sim.advance("1d")
    assert run.state == "succeeded"
"""

from triphammer.sensors.samples import file_event, record_event, timer_event, webhook_event
from triphammer.testing.loading import load_flow
from triphammer.testing.simulation import (
    SimulatedBackfill,
    SimulatedMessage,
    SimulatedRun,
    SimulatedTask,
    Simulation,
    simulate,
)

__all__ = [
    "SimulatedBackfill",
    "SimulatedMessage",
    "SimulatedRun",
    "SimulatedTask",
    "Simulation",
    "file_event",
    "load_flow",
    "record_event",
    "simulate",
    "timer_event",
    "webhook_event",
]
