"""What has happened is counted, under few names."""

from __future__ import annotations

from collections.abc import Mapping

from tests.service.telemetry.exposition import Read, read
from triphammer.flows.journal import ErrorInfo, OutMessage, RunChange, TaskRow
from triphammer.sensors.contract import Accepted
from triphammer.sensors.event import Event
from triphammer.sensors.samples import posted_event
from triphammer.service.dispatcher.finished import RunAbout
from triphammer.service.metrics import render
from triphammer.service.store.contract import Decided, Disposition, OutboxRow
from triphammer.service.store.deliveries import OutboxResult
from triphammer.service.telemetry.names import MOST, OTHER, Names
from triphammer.service.telemetry.recorder import Recorder

ERROR = ErrorInfo("ValueError", "no")
EVENT: Event = posted_event("t", {})


def told(recorder: Recorder) -> Mapping[str, Read]:
    return read(render(recorder.read()))


def a_change(flow: str = "f", **more: object) -> RunChange:
    return RunChange(run="run_1", flow=flow, epoch=0, **more)  # type: ignore[arg-type]


def test_events_and_what_they_came_to() -> None:
    recorder = Recorder()
    ran, wrong = Disposition("f", "f", "ran"), Disposition("g", "g", "error", "no")
    decided = [Decided(event=EVENT, dispositions=(ran, wrong)), Decided(event=EVENT)]
    accepted = [Accepted("evt_1", "1", "s", False), Accepted("evt_1", "1", "s", True)]
    recorder.taken("webhook", decided, accepted, 0)
    recorder.turned_away("webhook", "refused")
    recorder.turned_away("kafka", "dead", 3)
    events = told(recorder)["triphammer_event_outcomes_total"]
    assert events.value(kind="webhook", outcome="accepted") == 1
    assert events.value(kind="webhook", outcome="duplicate") == 1
    assert events.value(kind="webhook", outcome="refused") == 1
    assert events.value(kind="kafka", outcome="dead") == 3
    dispositions = told(recorder)["triphammer_dispositions_total"]
    assert dispositions.value(flow="f", outcome="ran") == 1
    assert dispositions.value(flow="g", outcome="error") == 1


def test_a_duplicate_comes_to_nothing() -> None:
    recorder = Recorder()
    decided = [Decided(event=EVENT, dispositions=(Disposition("f", "f", "ran"),))]
    recorder.taken("api", decided, [Accepted("evt_1", "1", "s", True)], 0)
    assert told(recorder)["triphammer_dispositions_total"].samples == {}


def test_a_run_from_its_start_to_its_end() -> None:
    recorder = Recorder()
    about = RunAbout("f", "evt_1", {}, (), created_at=1_000_000)
    recorder.changed(a_change(started_at=3_000_000), about, 3_000_000)
    tasks = (
        TaskRow(
            name="a", state="succeeded", attempt=2, started_at=4_000_000, finished_at=6_000_000
        ),
        TaskRow(name="m", state="succeeded", started_at=1, finished_at=9_000_000, items=7),
        TaskRow(name="s", state="skipped"),
        TaskRow(name="r", state="running", started_at=1),
        TaskRow(name="c", state="succeeded", started_at=5, finished_at=5, cached_from="run_0"),
    )
    history = (("a", 1, 3_000_000, 3_500_000, ERROR),)
    end = a_change(state="failed", finished_at=9_000_000, tasks=tasks, failed_attempts=history)
    recorder.changed(end, about, 3_000_000)
    found = told(recorder)
    assert found["triphammer_runs_started_total"].value(flow="f") == 1
    assert found["triphammer_runs_ended_total"].value(flow="f", state="failed") == 1
    [run, wait, task] = [
        found[f"triphammer_{name}_seconds"]
        for name in ("run_duration", "run_wait", "task_duration")
    ]
    flow = frozenset({("flow", "f")})
    assert run.samples[run.name + "_sum", flow] == 6
    assert wait.samples[wait.name + "_sum", frozenset()] == 2
    assert task.samples[task.name + "_sum", flow] == 2.5
    assert task.samples[task.name + "_count", flow] == 2
    states = found["triphammer_tasks_total"]
    assert states.value(flow="f", state="succeeded") == 2
    assert states.values("state") == {"succeeded", "skipped"}


def test_how_long_a_run_waited_is_told_once_though_it_is_retried() -> None:
    recorder = Recorder()
    again = RunAbout("f", "evt_1", {}, (), retried=1, created_at=1_000_000)
    recorder.changed(a_change(state="running", started_at=90_000_000), again, None)
    assert told(recorder)["triphammer_run_wait_seconds"].samples == {}


def test_deliveries() -> None:
    recorder = Recorder()
    message = OutMessage(id="msg_1", kind="webhook", target="http://x", body=b"{}")
    row = OutboxRow(
        seq=1,
        message=message,
        run="run_1",
        flow="f",
        state="pending",
        attempts=0,
        created_at=1_000_000,
        due_at=0,
    )
    for state, began, at in (
        ("pending", 2_000_000, 2_250_000),
        ("delivered", 4_000_000, 4_500_000),
        ("dead", 0, 5_000_000),
    ):
        recorder.attempted(row, OutboxResult(id="msg_1", state=state, attempts=1, at=at), began)
    found = told(recorder)
    outcomes = found["triphammer_outbox_deliveries_total"]
    assert outcomes.values("outcome") == {"retry", "delivered", "dead"}
    took, latency = (
        found[f"triphammer_outbox_{name}_seconds"] for name in ("delivery_duration", "latency")
    )
    kind = frozenset({("kind", "webhook")})
    assert took.samples[took.name + "_sum", kind] == 0.75
    assert took.samples[took.name + "_count", kind] == 2
    assert latency.samples[latency.name + "_sum", kind] == 3.5


def test_a_thousand_flows_are_a_hundred_and_others() -> None:
    recorder = Recorder()
    for number in range(1000):
        recorder.changed(a_change(f"flow_{number}", started_at=5), None, 5)
    started = told(recorder)["triphammer_runs_started_total"]
    assert len(started.samples) == MOST + 1
    assert started.value(flow=OTHER) == 1000 - MOST


def test_names_that_were_told_once_are_told_for_ever() -> None:
    names = Names(2)
    assert [names.of(name) for name in "abcab"] == ["a", "b", OTHER, "a", "b"]
