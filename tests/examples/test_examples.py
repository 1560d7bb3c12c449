"""Every example is a real small program: each is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tracked import ROOT
from triphammer.testing import (
    file_event,
    load_flow,
    record_event,
    simulate,
    webhook_event,
)

FLOWS = ROOT / "examples" / "flows"


def test_orders(tmp_path: Path) -> None:
    with simulate(load_flow(FLOWS / "orders.py")) as sim:
        run = sim.emit(file_event(tmp_path / "a.csv", b"id,amount\n1,10\n2,32\n"))
        assert (run.state, run.result) == ("succeeded", 42)


@pytest.mark.parametrize(("ref", "begins"), [("refs/heads/main", True), ("refs/tags/1", False)])
def test_deploys(ref: str, begins: bool) -> None:
    with simulate(load_flow(FLOWS / "deploys.py")) as sim:
        runs = sim.emit_all(webhook_event("deploy", {"ref": ref, "by": "ada"}))
        sim.advance("1s")
        assert [run.result for run in runs] == ["ada deployed refs/heads/main (3 parts)"] * begins


def test_heartbeat() -> None:
    with simulate(load_flow(FLOWS / "heartbeat.py")) as sim:
        sim.advance("1m")
        assert [run.result for run in sim.runs("heartbeat")] == [1, 2, 3]


def test_readings() -> None:
    with simulate(load_flow(FLOWS / "readings.py")) as sim:
        sim.emit(record_event("readings", {"fahrenheit": 212}, key="kettle"))
        [message] = sim.published("readings.celsius")
        assert (message.key, message.value) == ("kettle", {"celsius": 100.0})


@pytest.mark.slow
@pytest.mark.kafka
def test_the_demo_sees_everything() -> None:
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all of it was seen" in done.stdout
