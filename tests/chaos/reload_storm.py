"""Flow files are saved again and again, some of them broken, while events come: none is lost.

    python -m tests.chaos.reload_storm --rounds 100 --rate 200 --seed 7 [--kills 10]

A version is three files that are saved one after the other: a flow file, a module it imports and
one that its task imports while it runs. Each run tells which version it has seen in each of them.
With `--kills` the daemon is killed so often, and finds other files when it starts again.
Prints what was found and how long it took from a save to the new version. Exit code 1 when an
event is lost or doubled, or a run has mixed code.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import anyio
import anyio.to_thread
import httpx

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.regime import say_command
from tests.house.tracked import ROOT
from tests.kafka.node import free_port
from triphammer.service.reloads.watch import QUIET_SECONDS

BROKEN_EVERY = 10
VALUE = re.compile(r"^VALUE = (\d+)$", re.MULTILINE)
FAR_EVERY = 25
FLOW = """
import asyncio
from triphammer import Event, events, flow, task, webhook
from lib.helper import VALUE as HELPER

VALUE = 0

@task
async def begin(n: int) -> int:
    await asyncio.sleep(n % 40 / 100)
    return VALUE

@task
async def end(first: int, n: int) -> list[int]:
    import lib.lazy
    return [n, first, VALUE, HELPER, lib.lazy.VALUE]

@task(executor="process")
def far(first: int, n: int) -> list[int]:
    import lib.lazy
    return [n, first, VALUE, HELPER, lib.lazy.VALUE]

@flow(on=[webhook("in"), events(type="tell")], max_runs=400)
def telling(event: Event):
    n = event.data["n"]
    return end(begin(n), n)

@flow(on=events(type="far"), max_runs=400)
def telling_far(event: Event):
    n = event.data["n"]
    return far(begin(n), n)
"""
STEADY = """
from triphammer import Event, events, every, files, flow, task

@task
async def one() -> int:
    return 1

@flow(on=[files("inbox"), every("1h"), events(type="tell")], max_runs=400)
def steady():
    return one()
"""


@dataclass
class Report:
    """What was done and found. `lost`, `doubled`, `mixed` and `restarted` must be empty."""

    seed: int
    events: int = 0
    reloads: int = 0
    broken: int = 0
    versions: int = 0
    kills: int = 0
    lost: Sequence[int] = ()
    doubled: Sequence[int] = ()
    mixed: Sequence[Any] = ()
    restarted: Sequence[str] = ()
    answers: Counter[int] = field(default_factory=Counter[int])
    seconds: list[float] = field(default_factory=list[float])
    megabytes: list[float] = field(default_factory=list[float])

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.mixed or self.restarted)

    def __str__(self) -> str:
        found = {
            "lost": self.lost,
            "doubled": self.doubled,
            "runs with mixed code": self.mixed,
            "restarted sensors": self.restarted,
        }
        return (
            f"{self.reloads} reloads, {self.broken} of them broken, {self.kills} kills (seed "
            f"{self.seed}), under {self.events} events, answers {dict(self.answers)}: "
            + ", ".join(f"{len(cases)} {what} {list(cases[:5])}" for what, cases in found.items())
            + f"; runs at {self.versions} versions; from the last save to service p50 "
            f"{median(self.seconds):.2f} s, at most {max(self.seconds):.2f} s; RSS "
            f"{self.megabytes[0]:.0f} -> {self.megabytes[-1]:.0f} MB"
        )


class Storm:
    def __init__(self, daemon: DaemonProcess, rate: float, seed: int, kills: int = 0) -> None:
        self._daemon = daemon
        self._rate = rate
        self._random = Random(seed)
        self._kills = kills
        self._over = False
        self._sent: set[int] = set()
        self._torn: set[int] = set()
        self._by_version: dict[str, list[int | None]] = {}
        self.report = Report(seed)

    async def run(self, rounds: int) -> Report:
        """Save `rounds` times while events come, then look at every run."""
        before = self._since()
        async with anyio.create_task_group() as group:
            group.start_soon(self._send)
            for number in range(1, rounds + 1):
                kill = number % max(rounds // max(self._kills, 1), 1) == 0
                play = self._killed if self._kills and kill else self._round
                await anyio.to_thread.run_sync(play, number)
            self._over = True
        self.report.events = len(self._sent)
        await anyio.to_thread.run_sync(self._judge)
        after = before if self._kills else self._since()
        assert len(before) == 3, before
        self.report.restarted = [part for part in before if before[part] != after.get(part)]
        return self.report

    def _since(self) -> dict[str, Any]:
        parts = self._daemon.get("/readyz")["parts"]
        return {part: told["since"] for part, told in parts.items() if part.startswith("sensor ")}

    async def _send(self) -> None:
        began, number = time.monotonic(), 0
        async with (
            httpx.AsyncClient(base_url=self._daemon.url, trust_env=False, timeout=60) as client,
            anyio.create_task_group() as group,
        ):
            while not self._over:
                due = began + number / self._rate
                await anyio.sleep(max(0.0, due - time.monotonic()))
                group.start_soon(self._post, client, number)
                number += 1

    async def _post(self, client: httpx.AsyncClient, number: int) -> None:
        """Post one event until it is taken: by webhook or as a CloudEvent, some for a process."""
        type = "far" if number % FAR_EVERY == 0 else "tell"
        event = {"specversion": "1.0", "source": "storm", "type": type, "id": str(number)}
        headers = {"content-type": "application/cloudevents+json"}
        by_hook = number % 2 == 1 and type == "tell"
        while True:
            with suppress(httpx.TransportError):  # it was killed: sent again under the same id
                if by_hook:
                    id = {"webhook-id": str(number)}
                    answer = await client.post("/hooks/in", json={"n": number}, headers=id)
                else:
                    body = {**event, "data": {"n": number}}
                    answer = await client.post("/api/v1/events", json=body, headers=headers)
                self.report.answers[answer.status_code] += 1
                if answer.status_code == 202:
                    self._sent.add(number)
                    return
            await anyio.sleep(0.2)

    def _killed(self, number: int) -> None:
        self._daemon.kill()
        self._save(number)
        self._daemon.start()
        self.report.kills += 1

    def _round(self, number: int) -> None:
        is_broken = number % BROKEN_EVERY == BROKEN_EVERY // 2
        self._save(number, is_broken=is_broken)
        saved = time.monotonic()
        while True:
            line = self._daemon.wait_for_line("reloaded: ")
            seconds = time.monotonic() - saved
            if "0 errors" not in line if is_broken else self._live() == {number}:
                break
        self.report.seconds.append(seconds)
        self.report.reloads += 1
        self.report.broken += is_broken
        self.report.megabytes.append(rss(self._daemon.pid))

    def _save(self, number: int, *, is_broken: bool = False) -> None:
        """A busy machine may be so slow between two saves that the first comes into service."""
        gap = save(self._daemon.project, number, self._random, is_broken=is_broken)
        if gap > QUIET_SECONDS / 2:
            self._torn.add(number)

    def _live(self) -> set[int]:
        """The values in the files of the version that serves."""
        live = self._daemon.get("/api/v1/flows/telling")["version"]
        return {value for value in self._values(live) if value is not None}

    def _values(self, version: str) -> list[int | None]:
        """What a run at a version has to tell: of its flow file twice, helper and late module.
        None for a file that is not in the version, as it should."""
        if version not in self._by_version:
            files = self._daemon.get(f"/api/v1/versions/{version}/source")["files"]
            found = {f["path"]: int(VALUE.findall(f["source"])[0]) for f in files}
            names = ("flows/telling.py", "flows/telling.py", "lib/helper.py", "lib/lazy.py")
            self._by_version[version] = [found.get(name) for name in names]
        return self._by_version[version]

    def _judge(self) -> None:
        told: Counter[int] = Counter()
        mixed: list[Any] = []
        seen: set[str] = set()
        for flow in ("telling", "telling_far"):
            for run in self._ended(flow):
                seen.add(run["version"])
                if run["state"] != "succeeded":
                    mixed.append([run["id"], run["state"], run["error"]])
                    continue
                n, *values = run["result"]
                told[n] += 1
                wanted = self._values(run["version"])
                if values != wanted or (len(set(wanted)) > 1 and not self._torn & set(wanted)):
                    mixed.append([run["id"], *values])
        self.report.versions = len(seen)
        self.report.mixed = mixed
        self.report.lost = sorted(self._sent - told.keys())
        self.report.doubled = sorted(n for n, count in told.items() if count > 1)

    def _ended(self, flow: str) -> list[Any]:
        """All runs of a flow, once none is under way."""
        for state in ("queued", "running"):
            self._daemon.wait_until(lambda: not self._daemon.runs(flow, state))  # noqa: B023
        runs: list[Any] = []
        cursor: str | None = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            page = self._daemon.get("/api/v1/runs", flow=flow, limit=500, **more)
            runs += page["items"]
            cursor = page["next"]
            if cursor is None:
                return runs


def save(folder: Path, value: int, random: Random, *, is_broken: bool) -> float:
    """A version of the three files, in any order, with pauses as between an editor's saves.

    The longest time between two of them, seconds.
    """
    wrong = random.choice(("flow", "helper")) if is_broken else ""
    texts = {
        folder / "flows" / "telling.py": FLOW.replace("VALUE = 0", f"VALUE = {value}")
        + ("\nthis is no Python\n" if wrong == "flow" else ""),
        folder / "lib" / "helper.py": f"VALUE = {value}\n"
        + ("raise RuntimeError('broken')\n" if wrong == "helper" else ""),
        folder / "lib" / "lazy.py": f"VALUE = {value}\n",
    }
    gaps: list[float] = []
    for file in random.sample(sorted(texts), len(texts)):
        began = time.monotonic()
        file.parent.mkdir(exist_ok=True)
        file.write_text(texts[file])
        time.sleep(random.random() * 0.05)
        gaps.append(time.monotonic() - began)
    return max(gaps)


def rss(pid: int) -> float:
    """Megabytes that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


async def run_storm(
    folder: Path, *, rounds: int, rate: float, seed: int, planted: str = "", kills: int = 0
) -> Report:
    """A daemon in `folder` under `rate` events a second and `rounds` reloads; `planted` is a fault
    that it has, `kills` of the rounds are kills."""
    root = project(folder / "project", {"steady": STEADY})
    save(root, 0, Random(seed), is_broken=False)
    launcher = (sys.executable, "-m", "tests.chaos.launcher", f"planted:{planted}", "--")
    port = str(free_port())
    with DaemonProcess(
        root,
        flags=("--port", port),
        through=launcher if planted else (),
        env={"PYTHONPATH": str(ROOT)} if planted else {},
    ) as daemon:
        report = await Storm(daemon, rate, seed, kills).run(rounds)
        assert daemon.stop() == 0
    return report


def main() -> None:
    """Play it and print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    given = parser.parse_args()
    say_command("reload_storm", given)
    with tempfile.TemporaryDirectory() as folder:
        report = anyio.run(_play, Path(folder), given)
    print(report)
    sys.exit(not report.is_good)


async def _play(folder: Path, given: argparse.Namespace) -> Report:
    return await run_storm(
        folder, rounds=given.rounds, rate=given.rate, seed=given.seed, kills=given.kills
    )


if __name__ == "__main__":
    main()
