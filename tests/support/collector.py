"""A real OpenTelemetry collector's door: takes OTLP over HTTP, and webhooks beside, on a thread."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Got:
    """A span as it arrived; ids in hexadecimal, times in nanoseconds."""

    name: str
    service: str
    kind: int
    trace: str
    id: str
    parent: str
    start: int
    end: int
    failed: bool
    state: str
    attributes: Mapping[str, Any]


class Collector:
    """What was posted: spans to `/v1/traces`, the headers of everything else."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.webhook_status = 200
        self.tried = threading.Event()
        self.spans: list[Got] = []
        self.webhooks: list[Mapping[str, str]] = []

    def named(self, name: str) -> list[Got]:
        """The spans of a name, in the order of their beginning."""
        return sorted((s for s in self.spans if s.name == name), key=lambda span: span.start)

    def take(self, body: bytes) -> None:
        """Spans have come."""
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for resource in request.resource_spans:
            told = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_got(span, told["service.name"]) for span in scope.spans]


def _got(span: Any, service: str) -> Got:
    return Got(
        name=span.name,
        service=service,
        kind=span.kind,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=span.status.code == 2,
        state=span.trace_state,
        attributes={a.key: a.value.string_value or a.value.int_value for a in span.attributes},
    )


@contextmanager
def collecting() -> Generator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status = 200
            if self.path == "/v1/traces":
                status = collector.status
                if status == 200:
                    collector.take(body)
                collector.tried.set()
            else:
                status = collector.webhook_status
                collector.webhooks.append({k.lower(): v for k, v in self.headers.items()})
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
