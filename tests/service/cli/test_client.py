from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from triphammer.service.cli.client import DaemonClient, DaemonError


@contextmanager
def busy(free: threading.Event) -> Generator[str]:
    """The address of a daemon that answers once it is free."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            free.wait()
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(server.serve_forever)
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            free.set()
            server.shutdown()
            serving.result()


def test_a_long_task_of_the_daemon_is_waited_for() -> None:
    free = threading.Event()
    with (
        ThreadPoolExecutor(1) as pool,
        busy(free) as url,
        DaemonClient(url, timeout=0.2) as patient,
        DaemonClient(url, timeout=0.2) as client,
    ):
        waiting = pool.submit(patient.post, "/", patient=True)
        with pytest.raises(DaemonError, match="did not answer"):
            client.post("/")
        free.set()
        assert waiting.result() == {}
