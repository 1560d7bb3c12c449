"""A target of webhooks that refuses until it is opened, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Target:
    """Refuses until `opened`; keeps the ids of what it was sent."""

    def __init__(self) -> None:
        self.opened = False
        self.status = 503
        self.tried = threading.Event()
        self.tries: list[str] = []
        self.accepted: list[str] = []
        self.url = ""

    def take(self, id: str) -> int:
        self.tried.set()
        self.tries.append(id)
        if not self.opened:
            return self.status
        self.accepted.append(id)
        return 200


@contextmanager
def listening() -> Generator[Target]:
    target = Target()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(target.take(self.headers["webhook-id"]))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    target.url = f"http://127.0.0.1:{server.server_port}/in"
    try:
        yield target
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
