"""Spans to an OpenTelemetry collector, by OTLP over HTTP. Needs the extra `triphammer[otel]`.

The library gathers spans and sends them on a thread of its own; when the collector is away and
its queue is full it drops them: tracing never holds up what it tells of.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import anyio
import anyio.to_thread
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace.span import TraceState

from triphammer.config.settings import OtelSettings
from triphammer.service.tracing.spans import Kind, Span

PATH = "/v1/traces"
SEND_SECONDS = 5.0
"""How long the collector may take for one batch."""
CLOSE_SECONDS = 5.0
KINDS: Mapping[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class _Ids(IdGenerator):
    """Gives the span that begins next the ids that it is to have."""

    def __init__(self) -> None:
        self.span = 0
        self.trace = 0

    def generate_span_id(self) -> int:
        return self.span

    def generate_trace_id(self) -> int:
        return self.trace


class _Told(SpanExporter):
    """Counts what the collector takes, and says once that it takes nothing, and once that it
    does again."""

    def __init__(self, inner: SpanExporter, endpoint: str, log: logging.Logger) -> None:
        self._inner = inner
        self._endpoint = endpoint
        self._log = log
        self._failing = False
        self.counts: Counter[str] = Counter()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        self.counts["failed" if failed else "exported"] += len(spans)
        if failed and not self._failing:
            self._log.warning("traces: the collector at %s takes none", self._endpoint)
        elif self._failing and not failed:
            self._log.info("traces: the collector takes them again")
        self._failing = failed
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class Otlp:
    """Takes spans to the collector of the settings. `close` sends what is left."""

    def __init__(self, settings: OtelSettings, log: logging.Logger) -> None:
        endpoint = endpoint_of(settings.endpoint or "")
        if not log.isEnabledFor(logging.DEBUG):
            # It repeats every failed batch with a traceback; what that means is said once.
            logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._told = _Told(OTLPSpanExporter(endpoint, timeout=SEND_SECONDS), endpoint, log)
        self._ids = _Ids()
        resource = Resource.create({"service.name": settings.service_name})
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # it is decided already
            resource=resource,
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._told))
        self._tracer = self._provider.get_tracer("triphammer", version("triphammer"))

    @property
    def counts(self) -> Mapping[str, int]:
        """Spans by what became of them: exported, failed."""
        return dict(self._told.counts)

    def export(self, span: Span) -> None:
        """Queue a span; called on one loop only."""
        self._ids.trace, self._ids.span = int(span.trace, 16), int(span.id, 16)
        begun = self._tracer.start_span(
            span.name,
            context=set_span_in_context(NonRecordingSpan(_above(span))) if span.parent else None,
            kind=KINDS[span.kind],
            attributes=span.attributes,
            start_time=span.start * 1000,
        )
        if span.error is not None:
            begun.set_status(StatusCode.ERROR, span.error)
        begun.end(span.end * 1000)

    async def close(self) -> None:
        """Send what is queued, for a while, and end."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await anyio.to_thread.run_sync(self._provider.shutdown, abandon_on_cancel=True)


def endpoint_of(text: str) -> str:
    """Where traces are posted: `text` is the address of a collector, or of that path."""
    address = text.rstrip("/")
    return address if address.endswith(PATH) else address + PATH


def _above(span: Span) -> SpanContext:
    return SpanContext(
        int(span.trace, 16),
        int(span.parent, 16),
        is_remote=span.remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([span.state]),
    )
