"""The suite's own Kafka keeps its word."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kafka.broker import open_broker
from tests.kafka.guard import Guard
from tests.kafka.jars import Unavailable

ROOT = Path(__file__).parents[2]
NEEDS_KAFKA = """
def test_it(kafka: object) -> None:
    pass
"""
OWNER = """
import subprocess, sys
from tests.kafka.guard import Guard
child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, start_new_session=True)
guard = Guard(child.pid)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_guarded_process_dies_with_its_owner() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        watched = os.pidfd_open(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)
    ended = select.poll()
    ended.register(watched, select.POLLIN)
    # Returns when the process has ended; the time limit of the test is the limit.
    assert ended.poll()
    os.close(watched)


def test_a_dismissed_guard_kills_nothing() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        with Guard(child.pid):
            pass
        assert child.communicate(b"alive")[0] == b"alive"


def test_a_given_broker_is_used_and_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPHAMMER_TEST_KAFKA", "192.0.2.1:9092")
    with open_broker(tmp_path) as broker:
        assert broker.bootstrap == "192.0.2.1:9092"
        with pytest.raises(pytest.skip.Exception):
            broker.stop()


def test_without_java_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIPHAMMER_TEST_KAFKA", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="java is not installed"), open_broker(tmp_path):
        pass


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 error"), ("", "1 skipped")])
def test_a_missing_kafka_fails_in_ci_and_skips_elsewhere(
    ci: str, outcome: str, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(NEEDS_KAFKA)
    env = {key: value for key, value in os.environ.items() if key != "TRIPHAMMER_TEST_KAFKA"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**env, "PATH": str(tmp_path), "PYTHONPATH": str(ROOT), "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout
    assert "java is not installed" in done.stdout
