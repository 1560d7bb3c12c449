"""Flows and tasks with requirements of their own, from wheels on this machine alone."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, as_json, cli, project
from tests.support.wheels import make_wheel

FLOWS = """
import os
import signal
import subprocess
import sys
from pathlib import Path
from triphammer import context, flow, python_env, shell, state, task

@task
def measure(n: int) -> list[object]:
    import odd_metal
    print("measuring")
    state["last"] = n
    return [odd_metal.weight(n), odd_metal.VERSION, sys.prefix != sys.base_prefix]

@task
async def called() -> str:
    return subprocess.run(["odd-metal"], capture_output=True, text=True, check=True).stdout.strip()

@task(executor="thread")
def beside() -> bool:
    try:
        import odd_metal
    except ImportError:
        return False
    return True

@task(retries=1, backoff="1ms")
def dying() -> int:
    if context().attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    import odd_metal
    return odd_metal.weight(1)

@flow(env="envs/metal")
def metal(n: int = 2):
    return [measure(n), called(), beside(), shell("echo", "ours")["stdout"], dying()]

@task(executor="process")
def besides() -> int:
    return 1

@flow
def plain():
    besides()

@task(env=python_env(["--no-index", "--find-links wheels", "odd-metal==2.0"]))
def newer() -> str:
    import odd_metal
    return odd_metal.VERSION

@flow
def mixed():
    return newer()
"""
BROKEN = """
from triphammer import flow, python_env, task

@task(env=python_env(["--no-index", "no-such-thing==9"]), retries=1, backoff="1ms")
def never() -> None: ...

@task(env=python_env(["--no-index", "--find-links wheels", "msgspec"]))
def clashing() -> None: ...

@flow
def broken():
    never()

@flow
def clash():
    clashing()
"""
MODULE = """
VERSION = "{}"

def weight(n):
    return n * 7

def main():
    print("called", VERSION)
"""


def wheels(folder: Path) -> None:
    for version in ("1.0", "2.0"):
        source = MODULE.format(version)
        make_wheel(folder, "odd_metal", source, version=version, script="odd-metal")
    make_wheel(folder, "msgspec", "raise ImportError('this is too old')\n", version="0.1")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = project(tmp_path / "project", {"metals": FLOWS})
    wheels(folder / "wheels")
    metal = folder / "envs" / "metal"
    metal.mkdir(parents=True)
    (metal / "requirements.txt").write_text("--no-index\n--find-links ../../wheels\n-r more.txt\n")
    (metal / "more.txt").write_text("odd-metal==1.0\n")
    return folder


def built(here: Path) -> list[Path]:
    return sorted(
        ready.parent for ready in (here / ".triphammer" / "envs").glob("[!.]*/ready.json")
    )


def with_argument(text: str) -> set[int]:
    """The processes that were given `text`."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if text in (folder / "cmdline").read_text().split("\0"):
                found.add(int(folder.name))
    return found


def run(here: Path, flow: str, *arguments: str) -> Any:
    done = cli(here, "run", flow, *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return as_json(done.stdout)["result"]


def test_a_flow_has_requirements_of_its_own(here: Path) -> None:
    checked = cli(here, "check", "--build")
    assert checked.returncode == 0, checked.stderr
    assert "building the environment envs/metal" in checked.stderr
    assert len(built(here)) == 2
    before = [path.stat().st_ino for path in built(here)]
    assert run(here, "metal") == [[14, "1.0", True], "called 1.0", False, "ours\n", 7]
    assert run(here, "mixed") == "2.0"
    assert [path.stat().st_ino for path in built(here)] == before, "built once"
    (here / "envs" / "metal" / "more.txt").write_text("odd-metal==2.0\n")
    assert run(here, "metal")[0] == [14, "2.0", True]
    assert len(built(here)) == 3


@pytest.mark.slow
def test_what_cannot_be_built_fails_the_task_with_the_installers_words(
    make_daemon: Serve, tmp_path: Path
) -> None:
    daemon = make_daemon({"broken": BROKEN})
    wheels(daemon.project / "wheels")
    for flow in ("broken", "clash"):
        daemon.cli("start", flow)
        daemon.wait_for_runs(flow, state="failed")
    [run] = daemon.runs("broken")
    assert run["error"]["type"] == "EnvFailed"
    assert "No matching distribution found for no-such-thing==9" in run["error"]["message"]
    assert daemon.get(f"/api/v1/runs/{run['id']}")["tasks"][0]["attempt"] == 2
    lines = daemon.cli("logs", run["id"]).stdout
    assert "building the environment python_env(--no-index, no-such-thing==9)" in lines
    [clash] = daemon.runs("clash")
    assert "triphammer cannot run in the environment" in clash["error"]["message"]
    assert "ImportError: this is too old" in clash["error"]["message"]
    assert built(daemon.project) == []
    checked = daemon.cli("check", "--build")
    assert checked.returncode == 1
    assert "flows/broken.py:" in checked.stderr
    assert daemon.get("/livez") == {"status": "ok"}
    assert daemon.stop() == 0


def test_a_folder_without_requirements_is_a_load_error(tmp_path: Path) -> None:
    here = project(tmp_path / "here", {"metals": FLOWS})
    found = cli(here, "check")
    assert found.returncode == 1
    assert "holds neither requirements.txt nor pyproject.toml" in found.stderr
    (here / "envs" / "metal").mkdir(parents=True)
    (here / "envs" / "metal" / "pyproject.toml").write_text("[project]\ndependencies = 3\n")
    assert "Expected `array`" in cli(here, "check").stderr


def test_several_that_want_the_same_build_it_once(here: Path) -> None:
    """Two processes at once; the one that comes second waits."""
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(run(here, "mixed"))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["2.0", "2.0"]
    assert len(built(here)) == 1


@pytest.mark.slow
def test_the_daemon_builds_ahead_and_a_killed_build_is_no_trouble(
    make_daemon: Serve, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    daemon = DaemonProcess(project(folder, {"metals": FLOWS}))
    wheels(folder / "wheels")
    metal = folder / "envs" / "metal"
    metal.mkdir(parents=True)
    requirements = metal / "requirements.txt"
    # Reading a pipe that nobody writes to takes for ever: the build stands still.
    requirements.write_text(
        f"--no-index\n--find-links ../../wheels\nodd-metal==1.0\n-c file://{pipe}\n"
    )
    try:
        daemon.start()
        writing = os.open(pipe, os.O_WRONLY)  # returns once the installer reads
        installers = with_argument(str(requirements))
        daemon.kill()
        os.close(writing)
        assert installers
        requirements.write_text("--no-index\n--find-links ../../wheels\nodd-metal==1.0\n")
        daemon.start()
        assert not installers & with_argument(str(requirements))
        daemon.cli("start", "metal", "--wait")
        [run] = daemon.wait_for_runs("metal")
        assert run["result"][0] == [14, "1.0", True]
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line("reloaded")
        assert daemon.stop() == 0
    finally:
        daemon.kill()


@pytest.mark.slow
def test_a_run_that_waits_for_its_environment_is_cancelled_and_holds_up_no_stop(
    make_daemon: Serve, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    requirement = f"-c file://{tmp_path / 'pipe'}"
    text = FLOWS.replace('"odd-metal==2.0"', f'"odd-metal==2.0", "{requirement}"')
    text = text.replace('@flow(env="envs/metal")', "@flow")
    daemon = make_daemon({"metals": text}, '[limits]\nprocesses = 1\n[server]\ndrain = "1s"\n')
    wheels(daemon.project / "wheels")
    daemon.cli("start", "mixed")
    [run] = daemon.wait_for_runs("mixed", state="running")
    daemon.wait_until(lambda: list((daemon.project / ".triphammer" / "envs").glob(".b*/bin")))
    assert daemon.cli("start", "plain", "--wait").returncode == 0, "it holds no place"
    assert daemon.cli("cancel", run["id"]).returncode == 0
    daemon.wait_for_runs("mixed", state="cancelled")
    daemon.cli("start", "mixed")
    daemon.wait_for_runs("mixed", state="running")
    assert daemon.stop() == 0
