"""Resources of a daemon: opened once, closed when their flow is replaced and at the stop."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

FLOW = """
from pathlib import Path

from triphammer import connection, flow, resource, task, use

VERSION = "{version}"


def note(text):
    with Path(connection("record")["file"]).open("a") as file:
        file.write(f"{{VERSION}} {{text}}\\n")


@resource
async def pool():
    note("open pool")
    yield "pool"
    note("close pool")


@resource
def cursor():
    note("open cursor")
    yield "cursor"
    note("close cursor")


@task
async def fetch(pool=use(pool)) -> str:
    return pool


@task
def read(cursor=use(cursor)) -> str:
    return cursor


@task(executor="process")
def count(cursor=use(cursor)) -> str:
    return cursor


@flow
def using():
    return [fetch(), read() >> count()]
"""


def run(daemon: DaemonProcess, times: int) -> None:
    for _ in range(times):
        done = daemon.cli("start", "using", "--wait")
        assert done.returncode == 0, done.stderr


def test_opened_once_closed_at_reload_and_at_the_stop(make_daemon: Serve, tmp_path: Path) -> None:
    record = tmp_path / "record"
    settings = f'[limits]\nthreads = 1\nprocesses = 1\n[connections.record]\nfile = "{record}"\n'
    daemon = make_daemon({"using": FLOW.format(version="v1")}, settings)
    assert state_file_lines(record) == []
    run(daemon, 2)
    opened = ["v1 open cursor", "v1 open cursor", "v1 open pool"]
    assert sorted(state_file_lines(record)) == opened

    (daemon.project / "flows" / "using.py").write_text(FLOW.format(version="v2"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded: 1 flows")
    run(daemon, 2)
    assert daemon.stop() == 0
    lines = sorted(state_file_lines(record))
    v1 = sorted([*opened, "v1 close pool", "v1 close cursor", "v1 close cursor"])
    assert [line for line in lines if line.startswith("v1")] == v1
    v2 = [line for line in lines if line.startswith("v2")]
    assert v2 == [line.replace("v1", "v2") for line in v1]
