"""Files that tasks have kept, fetched into files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.client.scripted import answer, daemon
from triphammer.service.cli.results import artifacts
from triphammer.service.client.errors import Refused

KEPT = {"name": "a.txt", "task": "load", "digest": "0" * 64}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    file = tmp_path / "mine.txt"
    file.write_text("of yesterday")
    return file


@pytest.mark.parametrize("content", ["of today", ""])
def test_what_was_kept_takes_the_place_of_what_was_there(target: Path, content: str) -> None:
    with daemon(answer(200, {"items": [KEPT]}), answer(200, text=content)) as there:
        artifacts("run_1", "a.txt", None, target, there.url)
    assert target.read_text() == content


def test_what_is_refused_leaves_the_file_as_it_was(target: Path) -> None:
    gone = answer(404, {"detail": "it was pruned"})
    with (
        daemon(answer(200, {"items": [KEPT]}), gone) as there,
        pytest.raises(Refused, match="pruned"),
    ):
        artifacts("run_1", "a.txt", None, target, there.url)
    assert target.read_text() == "of yesterday"
