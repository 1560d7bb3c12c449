"""A real Apache Kafka: one KRaft node on loopback ports, with its own folder."""

from __future__ import annotations

import random
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.kafka.guard import Guard
from tests.kafka.jars import kafka_jars

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
# Below what the system hands out: a port is still ours when the node is away for a while.
PORTS = range(20_000, 32_000)

CONFIG = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
num.partitions=1
"""
JAVA = (
    "java",
    "-Xmx384m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Dlog4j2.level=WARN",
)
# Metadata v4 for no topics: it lists the brokers that take part, so one of them is ready.
METADATA = struct.pack(">hhihi?", 3, 4, 1, -1, 0, False)
CORRELATION_THROTTLE_BROKERS = struct.Struct(">iii")


class KafkaNode:
    """A node of our own. `start` again after `stop` or `kill` has the same port and data.

    Used as a context it runs inside, and leaves no process behind even if this one is killed.
    Raises `Unavailable` when made where there is no Java or Maven.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._classpath = str(kafka_jars() / "*")
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._config = folder / "server.properties"
        self._config.write_text(
            CONFIG.format(port=self.port, controller=free_port(), folder=folder)
        )
        self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._config))

    def __enter__(self) -> KafkaNode:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Run the node; returns once it serves. Raises RuntimeError with the end of its log."""
        with (self._folder / "node.log").open("ab") as log:
            process = self._process = subprocess.Popen(
                [*JAVA, "-cp", self._classpath, "kafka.Kafka", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard = Guard(process.pid)
        deadline = time.monotonic() + START_SECONDS
        while not self._serves():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError((self._folder / "node.log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut the node down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node at once, as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let the node do nothing: what is sent to it stays with the system's sockets."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def log_of(self, topic: str, partition: int = 0) -> Path:
        """The file that holds the partition's records."""
        return self._folder / "log" / f"{topic}-{partition}" / f"{0:020}.log"

    def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._guard is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._guard.dismiss()
        self._process = self._guard = None

    def _serves(self) -> bool:
        """Whether the node answers, and with itself among the brokers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(struct.pack(">i", len(METADATA)) + METADATA)
                answer = connection.makefile("rb").read(4 + CORRELATION_THROTTLE_BROKERS.size)
        except OSError:
            return False
        if len(answer) < 4 + CORRELATION_THROTTLE_BROKERS.size:
            return False
        _, _, brokers = CORRELATION_THROTTLE_BROKERS.unpack(answer[4:])
        return bool(brokers == 1)

    def _java(self, *arguments: str) -> None:
        done = subprocess.run(
            [*JAVA, "-cp", self._classpath, *arguments], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
