"""The result cache of a daemon: over crashes, new code, executors and damage."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, state_file_lines

FLOW = """
from pathlib import Path

from triphammer import Artifact, artifact, flow, task

RECORD = Path({record!r})


@task(cache="1d")
def render(n: int) -> Artifact:
    with RECORD.open("a") as file:
        file.write(f"{version} {{n}}\\n")
    return artifact(f"rendered {{n}}", name="r.txt")


@task
def read(rendered: Artifact) -> str:
    return rendered.read_text()


@flow
def rendering(n: int):
    return read(render(n))


@flow
def elsewhere(n: int):
    return read(render.options(executor="process")(n))
"""


def rendered(daemon: DaemonProcess, flow: str = "rendering", n: int = 1) -> str:
    done = daemon.cli("start", flow, "--param", f"n={n}", "--wait")
    assert done.returncode == 0, done.stderr
    result: str = daemon.runs(flow)[0]["result"]
    return result


def test_a_result_is_taken_over_crashes_and_not_over_new_code_or_damage(
    make_daemon: Serve, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    code = {"version": "v1", "record": str(record)}
    daemon = make_daemon({"rendering": FLOW.format(**code)}, '[flows]\nreload = "signal"\n')
    assert rendered(daemon) == "rendered 1"
    daemon.kill()
    daemon.start()
    assert rendered(daemon) == "rendered 1"
    assert rendered(daemon, "elsewhere") == "rendered 1"
    assert state_file_lines(record) == ["v1 1"]
    latest, first = daemon.runs("elsewhere")[0], daemon.runs("rendering")[-1]
    (render, _) = daemon.get(f"/api/v1/runs/{latest['id']}")["tasks"]
    assert (render["state"], render["cached_from"]) == ("succeeded", first["id"])
    assert f"cached from {first['id']}" in daemon.cli("show", latest["id"]).stdout
    assert f'href="/runs/{first["id"]}">cached' in daemon.text(f"/runs/{latest['id']}")
    assert rendered(daemon, "elsewhere", 2) == "rendered 2"
    assert state_file_lines(record) == ["v1 1", "v1 2"]

    digest = render["result"]["artifact"]
    kept = daemon.project / ".triphammer" / "artifacts" / digest[:2] / digest[2:]
    kept.unlink()
    assert rendered(daemon) == "rendered 1"
    assert state_file_lines(record)[2:] == ["v1 1"]

    code["version"] = "v2"
    (daemon.project / "flows" / "rendering.py").write_text(FLOW.format(**code))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded:")
    rendered(daemon)
    rendered(daemon)
    assert state_file_lines(record)[3:] == ["v2 1"]
