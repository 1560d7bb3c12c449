"""What happens becomes a tree of spans, and nothing of it needs storing."""

from __future__ import annotations

import msgspec
import pytest

from triphammer.config.trace_context import TraceContext, trace_context
from triphammer.flows.journal import ErrorInfo, OutMessage, RunChange, TaskRow
from triphammer.sensors.contract import Accepted
from triphammer.sensors.event import Event
from triphammer.sensors.samples import posted_event
from triphammer.service.dispatcher.finished import RunAbout
from triphammer.service.store.contract import Decided, Disposition, OutboxRow
from triphammer.service.store.deliveries import OutboxResult
from triphammer.service.tracing.carrying import Carrier, Forwarding, carried
from triphammer.service.tracing.spans import Span
from triphammer.service.tracing.tracer import Tracer

NOW = 1_000_000_000
SENT = TraceContext("a" * 32, "1" * 16, True, "v=1")
ERROR = ErrorInfo("ValueError", "no")
TASK = TaskRow(name="load[3]", state="succeeded", attempt=2, started_at=30, finished_at=40)
MESSAGE = OutMessage(
    id="msg_1", kind="webhook", target="https://u:p@example.com/secret", body=b"{}", task="send"
)


def an_event(trace: TraceContext | None = SENT) -> Event:
    event = posted_event("t", {})
    if trace is None:
        return event
    return msgspec.structs.replace(event, extensions=trace.headers)


class Traced:
    """A tracer and what it has told."""

    def __init__(self, sample: float = 1.0) -> None:
        self.spans: list[Span] = []
        self.tracer = Tracer(self.spans.append, sample=sample, now=lambda: NOW)

    def take(self, event: Event, kind: str = "webhook", *, duplicate: bool = False) -> None:
        ran = Disposition("f", "f", "ran", None, "run_1")
        accepted = Accepted(event.key, event.id, event.source, duplicate)
        self.tracer.taken(kind, [Decided(event=event, dispositions=(ran,))], [accepted], 10)

    def change(self, about: RunAbout | None, started_at: int | None = 20, **more: object) -> None:
        change = RunChange(run="run_1", flow="f", epoch=0, **more)  # type: ignore[arg-type]
        self.tracer.changed(change, about, started_at)

    def end(self, about: RunAbout) -> None:
        history = (("load[3]", 1, 21, 29, ERROR),)
        self.change(
            about, state="succeeded", finished_at=50, tasks=(TASK,), failed_attempts=history
        )

    def deliver(self, message: OutMessage, error: str | None = None, began: int = 60) -> OutMessage:
        sent = self.tracer.outgoing(message, began)
        row = OutboxRow(
            seq=1, message=message, run="run_1", flow="f", state="pending", attempts=0,
            created_at=50, due_at=50,
        )  # fmt: skip
        state = "delivered" if error is None else "pending"
        result = OutboxResult(id=message.id, state=state, attempts=1, error=error, at=70)
        self.tracer.attempted(row, result, began)
        return sent


def about_of(event: Event, trace: TraceContext | None = SENT, **more: int) -> RunAbout:
    return RunAbout("f", event.key, {}, ("f",), trace=trace, read=True, **more)


def stored(about: RunAbout, carrier: Carrier, message: OutMessage = MESSAGE) -> OutMessage:
    """The message as it is kept when the task of it has ended."""
    row = TaskRow(name="send", state="succeeded", attempt=1, started_at=41, finished_at=49)
    change = RunChange(run="run_1", flow="f", epoch=0, tasks=(row,), outbox=(message,))
    return carried(change, about, carrier).outbox[0]


def test_the_tree_from_the_event_to_the_delivery() -> None:
    traced, event = Traced(), an_event()
    about = about_of(event)
    traced.take(event)
    traced.end(about)
    message = stored(about, traced.tracer)
    sent = traced.deliver(message)
    names = ["event", "dispatch", "task load", "task load", "run f", "deliver webhook"]
    assert [span.name for span in traced.spans] == names
    taken, dispatch, failed, task, run, delivery = traced.spans
    assert {span.trace for span in traced.spans} == {SENT.trace}
    assert {span.state for span in traced.spans} == {"v=1"}
    assert len({span.id for span in traced.spans}) == len(traced.spans)
    assert (taken.parent, taken.kind, taken.remote) == (SENT.span, "server", True)
    assert (dispatch.parent, dispatch.start, dispatch.end) == (taken.id, 10, NOW)
    assert (run.parent, run.start, run.end, run.error) == (dispatch.id, 20, 50, None)
    assert (failed.parent, task.parent) == (run.id, run.id)
    assert (failed.start, failed.end, failed.error) == (21, 29, "ValueError: no")
    assert (task.start, task.end, task.error) == (30, 40, None)
    assert task.attributes["triphammer.task"] == "load[3]"
    assert (delivery.kind, delivery.start, delivery.end) == ("client", 60, 70)
    assert delivery.attributes["server.address"] == "example.com"
    assert "secret" not in str(delivery)
    # The receiver goes on below the delivery, which is below the attempt that sent it.
    assert trace_context(sent.headers["traceparent"]) == TraceContext(SENT.trace, delivery.id, True)
    assert message.headers["tracestate"] == sent.headers["tracestate"] == "v=1"
    own = trace_context(message.headers["traceparent"])
    assert own is not None
    assert delivery.parent == own.span


def test_after_a_restart_it_is_the_same_tree() -> None:
    event = an_event()
    before, after = Traced(), Traced()
    before.take(event)
    before.end(about_of(event))
    after.take(event)
    after.end(about_of(event))
    assert before.spans == after.spans


def test_a_retried_run_has_a_span_of_its_own() -> None:
    traced, event = Traced(), an_event()
    for retried in (0, 1):
        traced.change(about_of(event, retried=retried), state="failed", finished_at=50, error=ERROR)
    first, second = traced.spans
    assert first.id != second.id
    assert first.error == "ValueError: no"


@pytest.mark.parametrize(
    ("kind", "span"),
    [("kafka", "consumer"), ("events", "server"), ("timer", "internal"), ("run", "internal")],
)
def test_kinds_of_spans(kind: str, span: str) -> None:
    traced = Traced()
    traced.take(an_event(), kind)
    assert traced.spans[0].kind == span
    assert traced.spans[0].remote == (span != "internal")


def test_a_duplicate_is_no_work() -> None:
    traced = Traced()
    traced.take(an_event(), duplicate=True)
    assert traced.spans == []


def test_what_has_not_run_is_not_told() -> None:
    traced, about = Traced(), about_of(an_event())
    rows = (
        TaskRow(name="a", state="skipped"),
        TaskRow(name="b", state="running", started_at=1),
        TaskRow(name="c", state="succeeded", started_at=1, finished_at=2, cached_from="run_0"),
        TaskRow(name="d", state="succeeded", started_at=1, finished_at=2, items=3),
    )
    traced.change(about, tasks=rows)
    traced.change(about, None, state="cancelled", finished_at=9)
    traced.change(None, state="succeeded", finished_at=9)
    traced.change(msgspec.structs.replace(about, read=False), state="failed", finished_at=9)
    assert traced.spans == []


def test_the_sender_decides_whether_it_is_recorded() -> None:
    silent = TraceContext(SENT.trace, SENT.span, False)
    traced, event = Traced(), an_event(silent)
    traced.take(event)
    about = about_of(event, silent)
    traced.end(about)
    sent = traced.deliver(stored(about, traced.tracer))
    assert traced.spans == []
    assert sent.headers["traceparent"].endswith("-00")


def test_a_share_of_the_traces_that_begin_here() -> None:
    events = [an_event(None) for _ in range(400)]
    told: dict[float, set[object]] = {}
    for sample in (0.0, 0.25, 0.5, 1.0):
        traced = Traced(sample)
        for event in events:
            traced.take(event)
        told[sample] = {span.trace for span in traced.spans}
        assert all(span.parent == "" for span in traced.spans if span.name == "event")
    assert [len(told[0.0]), len(told[1.0])] == [0, 400]
    # The bounds are far out: of 400 coins as many as these fall so once in a million years.
    assert 40 < len(told[0.25]) < 160
    assert told[0.25] < told[0.5] < told[1.0]


def test_a_delivery_that_fails_and_one_without_a_trace() -> None:
    traced, about = Traced(), about_of(an_event())
    traced.deliver(stored(about, traced.tracer), "503")
    assert [span.error for span in traced.spans] == ["Undelivered: 503"]
    assert traced.deliver(MESSAGE) is MESSAGE
    assert len(traced.spans) == 1


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("https://user:word@example.com:8443/x?y=1", "example.com"),
        ("http://[", "no URL"),
        ("secret", "a secret"),
    ],
)
def test_of_a_target_only_its_host_is_told(target: str, told: str) -> None:
    traced, message = Traced(), msgspec.structs.replace(MESSAGE, target=target)
    traced.deliver(stored(about_of(an_event()), traced.tracer, message), "no URL")
    (span,) = traced.spans
    assert span.attributes["server.address"] == told
    assert "word" not in str(span)


def test_without_the_extra_what_came_in_goes_out() -> None:
    forwarding, event = Forwarding(), an_event()
    message = stored(about_of(event), forwarding)
    assert message.headers == SENT.headers
    assert forwarding.outgoing(message, 60) is message
    assert stored(about_of(event, None), forwarding) is MESSAGE


@pytest.mark.parametrize("carrier", [Forwarding(), Traced().tracer])
def test_who_names_a_trace_keeps_it(carrier: Carrier) -> None:
    about = about_of(an_event())
    own = msgspec.structs.replace(MESSAGE, headers={"TraceParent": "mine"})
    assert stored(about, carrier, own) is own
    mail = msgspec.structs.replace(MESSAGE, kind="email")
    assert stored(about, carrier, mail) is mail
