"""`make demo`: plays the main job end to end with a real Kafka, and checks every outcome.

It starts Apache Kafka and the daemon in a folder of its own, drops a file, posts a webhook,
publishes a record and lets a timer fire; it receives the outgoing webhook, verifies its
signature, and reads the published message back. Exit code 0 means that all of it was seen.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.kafka.cluster import open_cluster_client  # noqa: E402 - the suite's own Kafka
from tests.kafka.node import KafkaNode  # noqa: E402
from triphammer.sensors.webhook.signing import sign_standard  # noqa: E402

SIGNING = "whsec_bm90IGEgcmVhbCBzZWNyZXQ="
NUMBERS = list(range(1, 21))
Delivery = tuple[dict[str, str], bytes]


def say(text: str) -> None:
    """One line of the account."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


BEGAN = time.monotonic()


def check(what: str, seen: object, expected: object) -> None:
    """Compare and tell; the demo ends at the first difference."""
    if seen != expected:
        raise SystemExit(f"NOT as it should be: {what}: saw {seen!r}, expected {expected!r}")
    say(f"ok: {what}: {seen}")


@contextmanager
def kafka(folder: Path) -> Iterator[KafkaNode]:
    """A node of its own."""
    node = KafkaNode(folder)
    node.start()
    try:
        yield node
    finally:
        node.kill()


@contextmanager
def receiver() -> Iterator[tuple[str, SimpleQueue[Delivery]]]:
    """Somebody who takes webhooks."""
    received: SimpleQueue[Delivery] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.put(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the account is ours."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/told", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def daemon(project: Path, env: dict[str, str]) -> Iterator[str]:
    """`triphammer serve`; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "triphammer", "serve"],
        cwd=project,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=(project / "log").open("w"),
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"is up: (\S+)", line)
            if found:
                yield found[1]
                break
        else:
            raise SystemExit((project / "log").read_text())
    finally:
        process.terminate()
        process.wait()


def run_of(url: str, flow: str) -> dict[str, Any]:
    """The first succeeded run of `flow`, waited for by the live stream."""
    with httpx.stream("GET", f"{url}/api/v1/stream", timeout=40) as stream:
        lines = stream.iter_lines()
        next(lines)
        while True:
            runs = httpx.get(f"{url}/api/v1/runs", params={"flow": flow}).json()["items"]
            if runs and runs[0]["state"] == "succeeded":
                run: dict[str, Any] = httpx.get(f"{url}/api/v1/runs/{runs[0]['id']}").json()
                return run
            if runs and runs[0]["state"] == "failed":
                raise SystemExit(f"{flow} failed: {runs[0]['error']}")
            next(lines)


async def play(url: str, inbox: Path, broker: str, received: SimpleQueue[Delivery]) -> None:
    """Do it all, and look at what became of it."""
    (inbox / "numbers.txt").write_text("\n".join(map(str, NUMBERS)))
    say("dropped a file of 20 numbers")
    async with httpx.AsyncClient() as client:
        hook = (await client.post(f"{url}/hooks/demo", json={"n": 12})).json()
    say(f"posted a webhook: {hook['event'][:16]} began {len(hook['runs'])} run")
    async with open_cluster_client(broker) as cluster:
        await cluster.produce("demo.readings", [b'{"n": 9}'], key=b"sensor-1")
        say("published a Kafka record")
        expected = sum(n * n for n in NUMBERS)
        run = await asyncio.to_thread(run_of, url, "fan_out")
        check("the file's run, a fan-out of 20 and a join", run["result"], expected)
        tasks = {task["name"]: task for task in run["tasks"]}
        check("items of the fan-out", tasks["square"]["items"], {"succeeded": 20})
        check("attempts of the shaky task", tasks["shaky"]["attempt"], 3)
        for flow, result in (("posted", 144), ("record", 81), ("tick", 49)):
            found = await asyncio.to_thread(run_of, url, flow)
            check(f"the run of {flow}", found["result"], result)
        [message] = await cluster.read("demo.totals", 1)
        check("the published message", json.loads(message.value), {"total": expected})
    headers, body = await asyncio.to_thread(received.get, True, 30)
    check("the outgoing webhook", json.loads(body), {"text": f"numbers.txt: {expected}"})
    stamp = int(headers["webhook-timestamp"])
    signature = sign_standard(headers["webhook-id"], stamp, body, SIGNING)
    check("its signature is valid", headers["webhook-signature"] == signature, True)


def main() -> None:
    """Set the scene, play, and leave nothing behind."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triphammer-demo-")))
        project = Path(shutil.copytree(HERE / "demo", folder / "project"))
        (folder / "kafka").mkdir()
        node = stack.enter_context(kafka(folder / "kafka"))
        say(f"Apache Kafka is up at {node.bootstrap}")
        url, received = stack.enter_context(receiver())
        asyncio.run(make_topics(node.bootstrap))
        secrets = {
            "TRIPHAMMER_KAFKA__BOOTSTRAP": node.bootstrap,
            "TRIPHAMMER_SECRETS__RECEIVER": url,
            "TRIPHAMMER_SECRETS__SIGNING": SIGNING,
        }
        at = stack.enter_context(daemon(project, secrets))
        say(f"triphammer is up at {at}")
        asyncio.run(play(at, project / "inbox", node.bootstrap, received))
    say("all of it was seen; nothing is left running")


async def make_topics(bootstrap: str) -> None:
    """The topics of the demo."""
    async with open_cluster_client(bootstrap) as cluster:
        await cluster.create_topic("demo.readings")
        await cluster.create_topic("demo.totals")


if __name__ == "__main__":
    main()
