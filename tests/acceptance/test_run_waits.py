"""What `triphammer run` does about flows that wait."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.process import cli, project

FLOWS = {
    "asks": """
from pydantic import BaseModel

from triphammer import approve, chain, flow, sleep, task, wait_for


class Release(BaseModel):
    version: str


@task
def told(what: object) -> object:
    return what


@flow
def asks():
    nap = sleep("100ms")
    said = approve("Release it?", form=Release)
    chain(nap, said)
    return told(said["form"]["version"])


@flow
def never():
    return wait_for({"type": ["never"]}, timeout="2d", on_timeout="skip")
"""
}


def test_answers_are_given_by_flags(tmp_path: Path) -> None:
    folder = project(tmp_path, FLOWS)
    done = cli(folder, "run", "asks", "--approve", "--form", "version=1.2")
    assert done.returncode == 0, done.stderr
    assert '"1.2"' in done.stdout
    rejected = cli(folder, "run", "asks", "--reject")
    assert (rejected.returncode, "asks succeeded" in rejected.stdout) == (0, True)
    wrong = cli(folder, "run", "asks", "--approve", "--form", "verson=1")
    assert wrong.returncode == 1
    assert "did you mean 'version'" in wrong.stderr


def test_where_nobody_can_answer_it_says_so_and_ends(tmp_path: Path) -> None:
    done = cli(project(tmp_path, FLOWS), "run", "asks")
    assert done.returncode == 1
    assert "approve asks: Release it?" in done.stderr
    assert "give --approve or --reject" in done.stderr


def test_waits_take_no_time_with_fast(tmp_path: Path) -> None:
    done = cli(project(tmp_path, FLOWS), "run", "never", "--fast")
    assert done.returncode == 0, done.stderr
    assert 'wait_for waits for an event like {"type":["never"]}' in done.stderr
