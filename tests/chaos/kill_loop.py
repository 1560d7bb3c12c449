"""Kills the real daemon again and again under mixed load, and audits what is left.

    python -m tests.chaos.kill_loop --kills 200 --events 100000 --seed 7

A seed gives the same moments, points and bodies again; how far the daemon came by then is up
to the machine. Exit code 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from tests.acceptance.process import DaemonProcess, NotUp, project
from tests.chaos.audit import Audit, Effects
from tests.chaos.load import FLOWS, Ledger, Load
from tests.chaos.points import POINTS
from tests.chaos.regime import say_command
from tests.kafka.broker import open_broker
from tests.kafka.cluster import ClusterClient, new_name, open_cluster_client
from tests.support.receiver import Receiver, open_receiver

ROOT = Path(__file__).parents[2]
LONGEST_END, PLANTED_END = 600.0, 40.0
"""Seconds that the daemon has at the end to come to rest."""
SLOWEST = 100
"""Events a second that a busy machine works off at the end, on top of that."""
LONGEST_LIFE = 8.0
"""Seconds after which a daemon that did not come to its point is killed all the same."""
CALLS: Mapping[str, int] = {"during_move": 6, "after_move": 6, "during_recovery": 20}
"""Up to which call of a point a life may last; 60 where it is not said."""
SETTINGS = """
[kafka]
bootstrap = "{bootstrap}"
[outbox]
allow_private = true
first_retry = "100ms"
longest_retry = "1s"
longest_pause = "1s"
"""


@dataclass
class Report:
    """What was done and what was found; every list of `broken` must be empty."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter[str])
    acknowledged: int = 0
    requests: int = 0
    tasks_begun: int = 0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    broken: dict[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}",
            f"kills {self.kills.total()}: {dict(sorted(self.kills.items()))}",
            f"acknowledged {self.acknowledged} events, in {self.requests} requests",
            f"task starts {self.tasks_begun}",
            f"stored {dict(self.counts)}",
            *(f"{name} {_few(found)}" for name, found in self.broken.items()),
        ]
        return "\n".join(lines)


def _few(found: Sequence[Any]) -> str:
    return f"{len(found)}, such as {list(found[:3])}" if found else "0"


class KillLoop:
    """The daemon, its sources and receivers, and the one who kills."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        seed: int,
        port: int,
        *,
        points: Sequence[str] = (),
        planted: str = "",
    ) -> None:
        self._points = points
        self._planted = f"planted:{planted}" if planted else ""
        self._random = Random(seed)
        self._bodies = Random(f"bodies {seed}")
        self._bootstrap = bootstrap
        self._in, self._out = new_name("in"), new_name("out")
        self._port = port
        self._folder = folder
        self._ledger = Ledger()
        self.report = Report(seed)

    async def run(self, kills: int, events: int) -> Report:
        """Kill so many times while at least so many events come in; the daemon ends in order."""
        async with (
            open_cluster_client(self._bootstrap) as cluster,
            open_receiver() as receiver,
        ):
            await cluster.create_topic(self._in, partitions=3)
            await cluster.create_topic(self._out)
            daemon = DaemonProcess(self._project(receiver.url), env={"PYTHONPATH": str(ROOT)})
            effects = Effects(daemon.project)
            with ExitStack() as stack:
                stack.callback(daemon.kill)
                await self._lives(daemon, effects, kills, events)
                await anyio.to_thread.run_sync(
                    self._let_end, daemon, LONGEST_END + events / SLOWEST
                )
            effects.after_a_life()
            await self._audit(daemon.project, effects, receiver, cluster)
        return self.report

    def _project(self, receiver: str) -> Path:
        flows = FLOWS.replace("http://RECEIVER", receiver).replace("IN", self._in)
        flows = flows.replace("OUT", self._out)
        made = project(
            self._folder / "project",
            {"load": flows},
            SETTINGS.format(bootstrap=self._bootstrap),
        )
        (made / "inbox").mkdir()
        return made

    async def _lives(self, daemon: DaemonProcess, effects: Effects, kills: int, n: int) -> None:
        url = f"http://127.0.0.1:{self._port}"
        load = Load(url, daemon.project / "inbox", self._bodies, self._ledger)
        async with anyio.create_task_group() as group:
            group.start_soon(load.run, self._bootstrap, self._in)
            for number in range(kills):
                await self._life(daemon, self._point(number))
                await anyio.to_thread.run_sync(effects.after_a_life)
                self._say(number + 1)
            daemon.through = self._launcher("")
            await anyio.to_thread.run_sync(daemon.start, "--port", str(self._port))
            while self._ledger.total < n:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.1)
            load.stop()

    def _point(self, number: int) -> str:
        """Two lives of three end at a named point, in turn; the third at any moment."""
        if self._points:
            name = self._points[number % len(self._points)]
            return f"{name}:{self._random.randint(1, CALLS.get(name, 60))}" if name else ""
        turn, place = divmod(number, 3)
        if place == 2:
            return ""
        name = list(POINTS)[(turn * 2 + place) % len(POINTS)]
        return f"{name}:{self._random.randint(1, CALLS.get(name, 60))}"

    def _launcher(self, point: str) -> Sequence[str]:
        asked = ",".join(filter(None, (self._planted, point)))
        return (sys.executable, "-m", "tests.chaos.launcher", asked, "--") if asked else ()

    async def _life(self, daemon: DaemonProcess, point: str) -> None:
        daemon.through = self._launcher(point)
        early = not point and self._random.random() < 0.25
        up = False
        async with anyio.create_task_group() as group:
            if early:
                group.start_soon(self._kill_early, daemon)
            up = await anyio.to_thread.run_sync(self._start, daemon)
            group.cancel_scope.cancel()
        if not up:
            self.report.kills[point.partition(":")[0] or "starting"] += 1
            return
        limit = LONGEST_LIFE if point else self._random.uniform(0.05, 3.0)
        died = False
        with anyio.move_on_after(limit):
            await anyio.to_thread.run_sync(daemon.wait, abandon_on_cancel=True)
            died = True
        daemon.kill()
        self.report.kills[point.partition(":")[0] if died else "any moment"] += 1

    async def _kill_early(self, daemon: DaemonProcess) -> None:
        await anyio.sleep(self._random.uniform(0.1, 1.5))
        daemon.kill()

    def _start(self, daemon: DaemonProcess) -> bool:
        try:
            daemon.start("--port", str(self._port))
        except NotUp:
            daemon.kill()
            return False
        return True

    def _say(self, number: int) -> None:
        if number % 10 == 0:
            print(f"{number} kills, {self._ledger.total} acknowledged", flush=True)

    def _let_end(self, daemon: DaemonProcess, longest: float) -> None:
        """Wait until the daemon has nothing left to do, then stop it in order. Were it never
        so, the audit says what is left."""
        files = daemon.project / "inbox"
        deadline = time.monotonic() + (PLANTED_END if self._planted else longest)
        while time.monotonic() < deadline:
            if _quiet(daemon) and not any(p.suffix == ".bin" for p in files.iterdir()):
                break
            time.sleep(0.2)
        assert daemon.stop() == 0

    async def _audit(
        self,
        folder: Path,
        effects: Effects,
        receiver: Receiver,
        cluster: ClusterClient,
    ) -> None:
        told = [(d.id, _of(d.body)) for d in receiver.deliveries]
        published = await _published(cluster, self._out)
        audit = Audit(folder, self._ledger)
        report = self.report
        report.acknowledged = self._ledger.total
        report.requests = self._ledger.attempts
        report.tasks_begun = effects.begun
        report.counts = audit.counts()
        report.broken = {
            "integrity": audit.integrity(),
            "lost": audit.lost(),
            "duplicate events": audit.duplicate_events(),
            "duplicate runs": audit.duplicate_runs(),
            "runs of nothing stored": audit.phantoms(effects.runs),
            "unfinished": audit.unfinished(),
            "failed": audit.failed(),
            "journaled tasks re-run": list(effects.repeated),
            "without one disposition": audit.undecided(),
            "deliveries missing": audit.undelivered(told),
            "messages missing": audit.unpublished(published),
            "files not moved whole": audit.unmoved(),
            "ticks missed": audit.missed_ticks(),
        }
        audit.close()


def _quiet(daemon: DaemonProcess) -> bool:
    """No run is under way and no message is left to send."""
    open_runs = [run for state in ("queued", "running") for run in daemon.runs(state=state)]
    waiting = [r for r in open_runs if r["flow"] != "ticked"]
    metrics = daemon.text("/metrics")
    return not waiting and 'triphammer_outbox_messages{state="pending"}' not in metrics


def _of(body: bytes) -> str:
    told: str = msgspec.json.decode(body)["of"]
    return told


async def _published(cluster: ClusterClient, topic: str) -> list[tuple[str, str]]:
    """Id and told event of every record that was published."""
    records = await cluster.read(topic, await cluster.count(topic))
    return [(dict(r.headers)["triphammer-id"].decode(), _of(r.value)) for r in records]


async def run_loop(
    folder: Path,
    bootstrap: str,
    *,
    kills: int,
    events: int,
    seed: int,
    port: int,
    points: Sequence[str] = (),
    planted: str = "",
) -> Report:
    """One loop from beginning to end; what it found. `points` are those to die at instead of
    all, `planted` is a fault that every life of the daemon has."""
    loop = KillLoop(folder, bootstrap, seed, port, points=points, planted=planted)
    return await loop.run(kills, events)


def main() -> None:
    """The long version, by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    parser.add_argument("--port", type=int, default=18_420)
    given = parser.parse_args()
    say_command("kill_loop", given)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, open_broker(Path(folder)) as broker:
        report = anyio.run(
            lambda: run_loop(
                Path(folder),
                broker.bootstrap,
                kills=given.kills,
                events=given.events,
                seed=given.seed,
                port=given.port,
            )
        )
    print(report)
    sys.exit(any(report.broken.values()))


if __name__ == "__main__":
    main()
