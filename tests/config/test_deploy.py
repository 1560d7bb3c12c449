"""The unit file for systemd: it parses, and its times fit the daemon's own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tracked import ROOT
from triphammer.config.durations import parse_duration
from triphammer.config.settings import Settings
from triphammer.service.session import STOP_SECONDS

UNIT = ROOT / "config" / "deploy" / "triphammer.service"
SECTIONS = {"Unit", "Service", "Install"}


def keys() -> dict[str, str]:
    """The assignments of the unit; a key stands once."""
    lines = [line for line in UNIT.read_text().splitlines() if line and line[0] != "#"]
    assert {line[1:-1] for line in lines if line.startswith("[")} == SECTIONS
    pairs = [line.partition("=") for line in lines if not line.startswith("[")]
    found = {name: value for name, _, value in pairs}
    assert len(found) == len(pairs)
    return found


def seconds(key: str) -> float:
    return parse_duration(keys()[key].replace("min", "m")).total_seconds()


def test_it_says_what_the_daemon_does() -> None:
    unit = keys()
    assert (unit["Type"], unit["NotifyAccess"], unit["KillSignal"]) == ("notify", "main", "SIGTERM")
    assert (unit["Restart"], unit["KillMode"]) == ("on-failure", "mixed")
    assert re.fullmatch(r"\S+/triphammer serve", unit["ExecStart"])
    assert unit["ExecReload"].endswith("-HUP $MAINPID")


def test_the_stop_has_time_for_the_drain_and_the_rest() -> None:
    drain = Settings().server.drain.total_seconds()
    assert seconds("TimeoutStopSec") > drain + STOP_SECONDS
    assert seconds("WatchdogSec") >= 30


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_it(tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    command = keys()["ExecStart"].split()[0]
    here.write_text(UNIT.read_text().replace(command, sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(here)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
