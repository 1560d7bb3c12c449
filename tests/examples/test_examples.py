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


RECEIPT = {"shop": "tea room", "prices": ["2.40", "3,90"]}


def test_receipts_fail_on_purpose_and_say_why() -> None:
    with simulate(load_flow(FLOWS / "receipts.py")) as sim:
        run = sim.emit(webhook_event("receipt", RECEIPT))
        assert (run.state, run.task("total").state) == ("failed", "skipped")
        assert run.error is not None
        assert "cents[1]" in run.error.message
        assert "'3,90'" in run.error.message


def test_receipts_mended_as_the_file_says(tmp_path: Path) -> None:
    source = (FLOWS / "receipts.py").read_text()
    mended = source.replace('.replace(".", "")', '.replace(".", "").replace(",", "")')
    (tmp_path / "receipts.py").write_text(mended)
    with simulate(load_flow(tmp_path / "receipts.py")) as sim:
        assert sim.emit(webhook_event("receipt", RECEIPT)).result == "tea room: 630 cents"


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
