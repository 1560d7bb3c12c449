"""Spans arrive at a collector; one that is away holds up nothing, and is told of once."""

from __future__ import annotations

import logging

import anyio.to_thread
import pytest

from tests.support.collector import collecting
from triphammer.config.settings import OtelSettings
from triphammer.sensors.contract import Accepted
from triphammer.sensors.samples import posted_event
from triphammer.service.errors import CannotServe
from triphammer.service.store.contract import Decided
from triphammer.service.tracing import opening
from triphammer.service.tracing.carrying import Forwarding
from triphammer.service.tracing.opening import open_tracing
from triphammer.service.tracing.otlp import Otlp, endpoint_of
from triphammer.service.tracing.spans import Span
from triphammer.service.tracing.tracer import Tracer

pytestmark = pytest.mark.anyio
LOG = logging.getLogger("triphammer.test.otlp")
ROOT = Span(
    name="run f",
    kind="consumer",
    trace="0" * 31 + "a",
    id="b" * 16,
    parent="",
    start=1_000_000,
    end=2_000_000,
    attributes={"triphammer.attempt": 2, "triphammer.flow": "f"},
    error="ValueError: no",
)
CHILD = Span(
    name="task t",
    kind="internal",
    trace="f" * 32,
    id="0" * 15 + "1",
    parent="c" * 16,
    start=5,
    end=6,
    attributes={},
    state="v=1",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def library_as_it_was() -> object:
    library = logging.getLogger("opentelemetry")
    level = library.level
    yield
    library.setLevel(level)


async def test_spans_arrive_as_they_are() -> None:
    with collecting() as collector:
        otlp = Otlp(OtelSettings(endpoint=collector.url, service_name="orders"), LOG)
        otlp.export(ROOT)
        otlp.export(CHILD)
        await otlp.close()
    root, child = collector.named("run f")[0], collector.named("task t")[0]
    assert (root.service, root.kind) == ("orders", 5)
    assert (root.trace, root.id, root.parent) == (ROOT.trace, ROOT.id, "")
    assert (root.start, root.end, root.failed) == (1_000_000_000, 2_000_000_000, True)
    assert root.attributes == {"triphammer.attempt": 2, "triphammer.flow": "f"}
    assert (child.trace, child.id, child.parent) == (CHILD.trace, CHILD.id, CHILD.parent)
    assert (child.failed, child.state) == (False, "v=1")
    assert otlp.counts == {"exported": 2}


async def test_a_collector_that_takes_nothing_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with collecting() as collector, caplog.at_level(logging.INFO, LOG.name):
        collector.status = 400
        otlp = Otlp(OtelSettings(endpoint=collector.url), LOG)
        for _ in range(1500):  # three batches
            otlp.export(ROOT)
        await otlp.close()
    assert otlp.counts == {"failed": 1500}
    [record] = caplog.records
    assert "takes none" in record.getMessage()


async def test_more_than_the_queue_holds_is_dropped_and_nobody_waits() -> None:
    with collecting() as collector:
        collector.status = 400
        otlp = Otlp(OtelSettings(endpoint=collector.url), LOG)
        for _ in range(20_000):
            otlp.export(ROOT)
        await otlp.close()
    assert 0 < otlp.counts["failed"] <= 20_000


async def test_what_is_not_asked_for_is_not_there() -> None:
    async with open_tracing(OtelSettings(), lambda: 0, LOG) as tracing:
        assert isinstance(tracing.carrier, Forwarding)
        assert (tracing.observers, tracing.counts()) == ((), {})


async def test_the_end_sends_what_is_left() -> None:
    with collecting() as collector:
        settings = OtelSettings(endpoint=collector.url)
        async with open_tracing(settings, lambda: 0, LOG) as tracing:
            assert isinstance(tracing.carrier, Tracer)
            event = posted_event("t")
            accepted = Accepted(event.key, event.id, event.source, False)
            tracing.carrier.taken("events", [Decided(event=event)], [accepted], 0)
        assert [span.name for span in collector.spans] == ["event", "dispatch"]
        assert await anyio.to_thread.run_sync(collector.tried.is_set)


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "NEEDED", ("opentelemetry_that_is_not_there.sdk",))
    with pytest.raises(CannotServe, match=r"pip install 'triphammer\[otel\]'"):
        async with open_tracing(OtelSettings(endpoint="http://x"), lambda: 0, LOG):
            pass


@pytest.mark.parametrize(
    "given",
    ["http://h:4318", "http://h:4318/", "http://h:4318/v1/traces", "http://h:4318/v1/traces/"],
)
def test_the_address_of_the_collector_will_do(given: str) -> None:
    assert endpoint_of(given) == "http://h:4318/v1/traces"


@pytest.mark.parametrize("wrong", ["127.0.0.1:4318", "grpc://h:4317"])
def test_another_protocol_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="does not begin with http"):
        OtelSettings(endpoint=wrong)
