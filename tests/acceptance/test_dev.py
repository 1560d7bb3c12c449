"""`triphammer dev`: saved files serve at once, and nothing leaves the machine."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.process import DaemonProcess, project

FLOW = """
from triphammer import flow, publish, send_webhook, task

@task
def value() -> int:
    return 1

@flow
def sending():
    n = value()
    send_webhook("http://127.0.0.1:1/hook", {"n": n})
    publish("numbers", key="k", value={"n": n})
"""


def test_files_are_watched_and_messages_are_printed(tmp_path: Path) -> None:
    root = project(tmp_path / "project", {"sending": FLOW}, '[flows]\nreload = "off"\n')
    with DaemonProcess(root, verb="dev") as daemon:
        assert daemon.cli("start", "sending", "--wait").returncode == 0
        hook = daemon.wait_for_line("not sent: webhook")
        assert hook == 'not sent: webhook to http://127.0.0.1:1/hook: {"n":1}'
        daemon.wait_until(
            lambda: 'not sent: kafka to numbers (key k): {"n":1}' in daemon.printed or None
        )
        file = root / "flows" / "sending.py"
        file.write_text(FLOW.replace("return 1", "return 2"))
        daemon.wait_for_line("changed: sending")
        assert daemon.stop() == 0
    assert (root / ".triphammer" / "dev" / "triphammer.db").is_file()
    assert not (root / ".triphammer" / "triphammer.db").exists()
