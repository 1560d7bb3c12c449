"""The testing kit: flows in memory, with virtual time.

with simulate(orders, secrets={"SLACK_URL": "x"}) as sim:
    run = sim.emit(file_event(tmp_path / "a.csv", b"id\\n1\\n"))
    sim.advance("1d")
    assert run.state == "succeeded"
"""

from triphammer.sensors.samples import (
    file_event,
    posted_event,
    record_event,
    timer_event,
    webhook_event,
)
from triphammer.testing.hook import Answered, Hook
from triphammer.testing.inbox import Inbox
from triphammer.testing.loading import load_flow
from triphammer.testing.preparing import simulate
from triphammer.testing.receiver import Answer, Received, Receiver
from triphammer.testing.results import (
    SimulatedBackfill,
    SimulatedMessage,
    SimulatedRun,
    SimulatedTask,
)
from triphammer.testing.simulation import Simulation
from triphammer.testing.topic import Topic

__all__ = [
    "Answer",
    "Answered",
    "Hook",
    "Inbox",
    "Received",
    "Receiver",
    "SimulatedBackfill",
    "SimulatedMessage",
    "SimulatedRun",
    "SimulatedTask",
    "Simulation",
    "Topic",
    "file_event",
    "load_flow",
    "posted_event",
    "record_event",
    "simulate",
    "timer_event",
    "webhook_event",
]
