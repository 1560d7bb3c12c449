"""Which part of the regime is to notice which planted fault, and whether it does."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import anyio

from tests.chaos import planting, regime
from tests.chaos.kill_loop import ROOT, run_loop
from tests.chaos.planted import PLANTED
from tests.chaos.planted_dispatch import PLANTED_IN_FLOW_CONTROL
from tests.chaos.power_loss import losses, record, scratch_folder
from tests.chaos.reload_storm import run_storm
from tests.kafka.broker import Broker, open_broker
from tests.kafka.node import free_port

KILLED_AT: Mapping[str, Sequence[str]] = {
    "acknowledged_before_commit": ("before_commit",),
    "begun_before_commit": ("before_commit",),
    "no_identities": ("before_acknowledgement", "after_commit"),
    "no_seek": ("",),
    "broker_told_first": ("before_commit",),
    "journal_forgotten": ("before_result",),
    "marked_before_send": ("before_send",),
    "another_id_each_time": ("after_send",),
    "claim_dropped_first": ("during_move",),
}
"""By the kill loop: at which points the daemon with the fault is killed."""
SUITES: Mapping[str, Sequence[str]] = {
    "no_fence": ("tests/contracts/test_stores.py", "tests/contracts/test_store_model.py"),
    "no_savepoints": ("tests/contracts/test_stores.py",),
    "begun_from_the_queue_and_when_offered": ("tests/service/dispatcher/test_starter.py",),
    "no_second_look": ("tests/flows/test_snapshot.py",),
    "broken_flows_go": ("tests/service/test_loading.py",),
    "withdrawn_and_begun": ("tests/service/dispatcher/test_starter.py",),
    **{
        plant.__name__: ("tests/chaos/test_dispatch_model.py",) for plant in PLANTED_IN_FLOW_CONTROL
    },
}
"""By a suite: which is to fail."""
STORM = ("late_imports_forgotten", "sensors_begun_anew")
"""By the storm of reloads."""
KILLS = 6
EVENTS = 300
UNFINISHED = "unfinished"
"""What a busy machine leaves undone is no proof of anything."""


async def noticed(name: str, folder: Path, broker: Broker, seed: int) -> str:
    """What the regime says to a fault; an empty text if it has nothing to say."""
    if name in SUITES:
        return await anyio.to_thread.run_sync(_by_suite, name)
    if name in KILLED_AT:
        return await _by_kills(name, folder, broker, seed)
    if name in STORM:
        storm = await run_storm(folder, rounds=3, rate=40, seed=seed, planted=name)
        return "" if storm.is_good else f"storm of reloads: {storm}"
    return await anyio.to_thread.run_sync(_by_power_loss, name, folder, seed)


async def _by_kills(name: str, folder: Path, broker: Broker, seed: int) -> str:
    report = await run_loop(
        folder,
        broker.bootstrap,
        kills=KILLS,
        events=EVENTS,
        seed=seed,
        port=free_port(),
        points=KILLED_AT[name],
        planted=name,
    )
    found = {w: len(cases) for w, cases in report.broken.items() if cases and w != UNFINISHED}
    return f"kill loop: {found}" if found else ""


def _by_suite(name: str) -> str:
    options = ("-q", "-x", "-p", "no:cacheprovider", "-p", planting.__name__)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *SUITES[name]],
        cwd=ROOT,
        # What luck decides is tried for longer: the first failure ends it.
        env={**os.environ, planting.PLANT: name, regime.FACTOR: "5"},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return failed[0] if done.returncode == 1 and failed else ""


def _by_power_loss(name: str, folder: Path, seed: int) -> str:
    recording = record(folder / "recorded", rounds=15, planted=name)
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as scratch:
        found = losses(recording, images=10, seed=seed, scratch=Path(scratch))
    return f"power loss: {dict(found.bad)}" if found.bad else ""


async def _all(names: Sequence[str], folder: Path, broker: Broker, seed: int) -> int:
    missed = 0
    for name in names:
        (folder / name).mkdir()
        told = await noticed(name, folder / name, broker, seed)
        print(f"{name}: {told or 'NOT NOTICED'}", flush=True)
        missed += not told
    print(f"{len(names) - missed} of {len(names)} planted faults noticed")
    return missed


def main() -> None:
    """Plant what is asked for, or all there is."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.planted")
    parser.add_argument("names", nargs="*", choices=[*PLANTED, []], metavar="NAME")
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    given = parser.parse_args()
    names = given.names or list(PLANTED)
    print(f"python -m tests.chaos.planted --seed {given.seed} {' '.join(names)}", flush=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name, open_broker(Path(name)) as broker:
        sys.exit(anyio.run(_all, names, Path(name), broker, given.seed) > 0)
