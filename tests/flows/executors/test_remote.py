"""What an attempt elsewhere has kept comes back whole, whatever others of its run keep."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree

import pytest

from triphammer.flows.errors import FlowError
from triphammer.flows.executors.contract import AttemptId, AttemptResult
from triphammer.flows.executors.remote import Outcome, SentArtifacts, take_back
from triphammer.flows.workdir import RunFolder
from triphammer.service.store.artifacts import MemoryArtifacts

RESULT = AttemptResult(id=AttemptId("run_1", "work", 1, 0), started_at=0, finished_at=1)
MOST = 1000


def kept(parent: Path, content: bytes) -> Outcome:
    """What an attempt of the one run brings back that has kept this."""
    sent = SentArtifacts({}, str(parent), RunFolder(parent, "run_1", used=False))
    sent.keep(content, MOST)
    return Outcome(RESULT, {}, files=sent.files)


def test_two_items_of_a_run_keep_the_same_content(tmp_path: Path) -> None:
    artifacts = MemoryArtifacts()
    first, second = kept(tmp_path, b"same"), kept(tmp_path, b"same")
    take_back(first, artifacts)
    take_back(second, artifacts)
    [digest] = first.files
    assert artifacts.path(digest).read_bytes() == b"same"


def test_a_body_that_empties_the_folder_of_its_run_fails_alone(tmp_path: Path) -> None:
    outcome = kept(tmp_path, b"gone")
    rmtree(tmp_path / "run_1")
    with pytest.raises(FlowError, match=r"had been kept as [0-9a-f]+: No such file"):
        take_back(outcome, MemoryArtifacts())


def test_a_file_that_was_changed_is_not_taken(tmp_path: Path) -> None:
    outcome = kept(tmp_path, b"before")
    [file] = outcome.files.values()
    Path(file).write_bytes(b"after")
    with pytest.raises(FlowError, match="was changed after"):
        take_back(outcome, MemoryArtifacts())
