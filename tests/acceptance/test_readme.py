"""The README's commands, run as a reader would, against a daemon on a copy of the examples."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.acceptance.process import DaemonProcess
from tests.house.tracked import ROOT

COMMAND = re.compile(r"^    ((?:printf|curl|\.venv/bin/triphammer) .*)$", re.MULTILINE)


def test_each_command_works_on_the_examples(tmp_path: Path) -> None:
    commands = COMMAND.findall((ROOT / "README.md").read_text())
    assert [c.split()[0] for c in commands] == ["printf", "curl", ".venv/bin/triphammer", "curl"]
    skip = shutil.ignore_patterns(".triphammer", "inbox", "demo*")
    project = shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=skip)
    with DaemonProcess(project) as daemon:
        outputs = [_run(command, daemon, tmp_path) for command in commands]
        assert '"duplicate":false' in outputs[1]
        daemon.wait_for_runs("orders")
        daemon.wait_for_runs("deploys")
        daemon.wait_for_runs("heartbeat")
        _what_fails_is_mended(daemon, project / "flows" / "receipts.py")
        listed = _run(commands[2], daemon, tmp_path)
    assert all(flow in listed for flow in ("orders", "deploys", "heartbeat"))
    note = [line for line in daemon.printed if "no Kafka broker is configured" in line]
    assert len(note) == 1


def _what_fails_is_mended(daemon: DaemonProcess, file: Path) -> None:
    [failed] = daemon.wait_for_runs("receipts", state="failed")
    page = daemon.text(f"/runs/{failed['id']}")
    assert "invalid literal for int() with base 10: &#39;3,90&#39;" in page
    assert "flows/receipts.py" in page
    mended = file.read_text().replace('.replace(".", "")', '.replace(".", "").replace(",", "")')
    file.write_text(mended)
    daemon.wait_until(lambda: daemon.get("/api/v1/flows/receipts")["version"] != failed["version"])
    assert daemon.post(f"/runs/{failed['id']}/again").status_code == 303
    [again] = daemon.wait_for_runs("receipts")
    assert again["result"] == "tea room: 630 cents"
    assert again["event"] == failed["event"]


def _run(command: str, daemon: DaemonProcess, folder: Path) -> str:
    here = command.replace("localhost:8420", daemon.url.removeprefix("http://"))
    here = here.replace(".venv/bin/triphammer", f"{sys.executable} -m triphammer")
    done = subprocess.run(
        ["bash", "-c", here],
        cwd=folder,
        env={**daemon.env, "TRIPHAMMER_URL": daemon.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{here}\n{done.stderr}"
    return done.stdout
