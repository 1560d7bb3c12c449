"""Builds of environments: aside, one at a time, and what is old goes."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from triphammer.flows.envs.building import READY, UNUSED_DAYS, Builder
from triphammer.flows.envs.spec import EnvSpec, Wanted, wanted
from triphammer.flows.errors import EnvFailed
from triphammer.flows.executors.processes.groups import Group, Groups


@pytest.fixture
def groups() -> Iterator[Groups]:
    groups = Groups(None)
    yield groups
    groups.close()


@pytest.fixture
def builder(tmp_path: Path, groups: Groups) -> Builder:
    return Builder(tmp_path / "envs", groups)


@pytest.fixture
def asked(tmp_path: Path) -> Wanted:
    return wanted(EnvSpec(), tmp_path)


def said_nothing(text: str) -> None:
    raise AssertionError(text)


def test_it_is_built_whole_and_found_again(builder: Builder, asked: Wanted, tmp_path: Path) -> None:
    said: list[str] = []
    assert builder.find(asked) is None
    built = builder.build(asked, said.append)
    assert built.python.is_file()
    assert builder.find(asked) == built == builder.build(asked, said_nothing)
    assert said[0].startswith("building the environment")
    assert not list((tmp_path / "envs").glob(".*"))


def test_what_nobody_has_used_for_long_goes(
    builder: Builder, asked: Wanted, tmp_path: Path
) -> None:
    envs = tmp_path / "envs"
    old = time.time() - UNUSED_DAYS * 86400 - 60
    for name, since in (("old", old), ("locked", old), ("new", time.time())):
        (envs / name).mkdir(parents=True)
        (envs / name / READY).touch()
        os.utime(envs / name / READY, (since, since))
    with (envs / "locked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        builder.build(asked, lambda _: None)
    left = {path.name for path in envs.iterdir() if path.is_dir()}
    assert left == {"locked", "new", asked.id}


def test_who_waits_for_another_process_ends_with_the_executor(
    builder: Builder, asked: Wanted, tmp_path: Path
) -> None:
    envs, waits = tmp_path / "envs", threading.Event()
    envs.mkdir()
    errors: list[EnvFailed] = []

    def build() -> None:
        try:
            builder.build(asked, lambda _: waits.set())
        except EnvFailed as error:
            errors.append(error)

    with (envs / f"{asked.id}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=build)
        thread.start()
        waits.wait()
        builder.stop()
        thread.join()
    assert "the executor stops" in str(errors[0])


def test_a_build_under_way_is_ended(builder: Builder, tmp_path: Path) -> None:
    """The installer reads a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    asked = wanted(EnvSpec(requirements=(f"-r {tmp_path / 'pipe'}",)), tmp_path)
    building = threading.Event()

    def build() -> None:
        with pytest.raises(EnvFailed):
            builder.build(asked, lambda _: building.set())

    thread = threading.Thread(target=build)
    thread.start()
    building.wait()
    builder.stop()
    thread.join()
    assert builder.find(asked) is None
    assert not list((tmp_path / "envs").glob(".*"))


class Stopping(Groups):
    """Somebody stops the builder right after the installer has begun."""

    builder: Builder

    def start(self, *args: Any, **options: Any) -> Group:
        group = super().start(*args, **options)
        self.builder.stop()
        return group


def test_an_installer_that_begins_while_builds_are_ended_ends_too(
    asked: Wanted, tmp_path: Path
) -> None:
    groups = Stopping(None)
    groups.builder = Builder(tmp_path / "envs", groups)
    with pytest.raises(EnvFailed, match=r"exit code -9"):
        groups.builder.build(asked, lambda _: None)
    groups.close()


def test_a_folder_that_cannot_be_made_is_a_failed_build(
    builder: Builder, asked: Wanted, tmp_path: Path
) -> None:
    (tmp_path / "envs").touch()
    with pytest.raises(EnvFailed, match=r"cannot be built: .*File exists"):
        builder.build(asked, said_nothing)


def test_requirements_that_change_meanwhile_are_not_taken_for_the_old_ones(
    builder: Builder, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "requirements.txt").write_text("")
    asked = wanted(EnvSpec(folder="own"), tmp_path)

    def change(text: str) -> None:
        (folder / "requirements.txt").write_text("# other\n")

    with pytest.raises(EnvFailed, match="changed while it was being built"):
        builder.build(asked, change)
