"""A real Apache Kafka: one KRaft node on loopback ports, with its own folder."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.kafka.jars import kafka_jars

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"
START_SECONDS = 60.0
STOP_SECONDS = 30.0

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
auto.create.topics.enable=true
num.partitions=1
"""
JAVA = ("java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


class KafkaNode:
    """One node. `start` again after `stop` or `kill` has the same port and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._classpath = str(kafka_jars() / "*")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._config = folder / "server.properties"
        self._config.write_text(
            CONFIG.format(port=self.port, controller=_free_port(), folder=folder)
        )
        self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._config))

    def start(self) -> None:
        """Run the node; returns once it accepts connections."""
        with (self._folder / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*JAVA, "-cp", self._classpath, "kafka.Kafka", str(self._config)],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "node.log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut the node down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node at once, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _java(self, *arguments: str) -> None:
        subprocess.run([*JAVA, "-cp", self._classpath, *arguments], check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
