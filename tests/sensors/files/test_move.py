from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from triphammer.sensors.contract import Claim
from triphammer.sensors.files.identity import identity_at
from triphammer.sensors.files.move import Moved, is_current, move

KEY = "evt_1"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def claimed(inbox: Path, name: str = "a.csv", content: str = "content") -> Claim:
    path = inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    identity = identity_at(path)
    assert identity is not None
    return Claim(str(path), identity, name, str(inbox / "done"), str(inbox / "failed"))


def cut_links(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A file system (or two) on which hard links fail so."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)


def across_file_systems(monkeypatch: pytest.MonkeyPatch, inbox: Path) -> None:
    """Between the folders a link fails; within the target folder it does not."""
    link = os.link

    def fail(source: Any, target: Any, **options: Any) -> None:
        if Path(source).parent == inbox:
            raise OSError(errno.EXDEV, "another file system")
        link(source, target, **options)

    monkeypatch.setattr(os, "link", fail)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_moves_below_done_or_failed_under_its_own_path(inbox: Path) -> None:
    assert move(claimed(inbox, "sub/a.csv"), False, KEY).to == str(inbox / "done/sub/a.csv")
    assert move(claimed(inbox, "b.csv"), True, KEY).to == str(inbox / "failed/b.csv")
    assert tree(inbox) == {"done/sub/a.csv": "content", "failed/b.csv": "content"}


def test_without_a_target_it_stays(inbox: Path) -> None:
    claim = claimed(inbox)
    assert move(Claim(claim.path, claim.identity, "a.csv", None, None), False, KEY) == Moved(
        None, None
    )
    assert tree(inbox) == {"a.csv": "content"}


@pytest.mark.parametrize("number", [None, errno.EPERM])
def test_it_never_overwrites(
    inbox: Path, number: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "done").mkdir()
    (inbox / "done" / "a.csv").write_text("earlier")
    claim = claimed(inbox)
    if number is not None:
        cut_links(monkeypatch, number)
    assert move(claim, False, KEY) == Moved(str(inbox / "done/a.evt_1.csv"), None)
    assert tree(inbox) == {"done/a.csv": "earlier", "done/a.evt_1.csv": "content"}
    assert move(claim, False, KEY) == Moved(str(inbox / "done/a.evt_1.csv"), None)


def test_a_changed_file_and_one_that_is_gone_stay(inbox: Path) -> None:
    claim = claimed(inbox)
    Path(claim.path).write_text("a newer version")
    assert not is_current(claim.path, claim.identity)
    assert "has changed" in str(move(claim, False, KEY).reason)
    assert tree(inbox) == {"a.csv": "a newer version"}
    Path(claim.path).unlink()
    assert "no more" in str(move(claim, False, KEY).reason)


def test_a_move_found_done_counts_as_done(inbox: Path) -> None:
    claim = claimed(inbox)
    first = move(claim, False, KEY)
    Path(claim.path).write_text("a new file of that name")
    assert move(claim, False, KEY) == first
    assert tree(inbox) == {"a.csv": "a new file of that name", "done/a.csv": "content"}


def test_cut_off_between_link_and_unlink_it_is_finished(inbox: Path) -> None:
    claim = claimed(inbox)
    (inbox / "done").mkdir()
    (inbox / "done" / "a.csv").hardlink_to(claim.path)
    assert move(claim, False, KEY) == Moved(str(inbox / "done/a.csv"), None)
    assert tree(inbox) == {"done/a.csv": "content"}


def test_across_file_systems_it_is_copied_whole(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    across_file_systems(monkeypatch, inbox)
    claim = claimed(inbox)
    before = Path(claim.path).stat().st_mtime_ns
    (inbox / "done").mkdir()
    (inbox / "done" / ".a.evt_1.csv.part").write_text("of a copy that was cut off")
    assert move(claim, False, KEY) == Moved(str(inbox / "done/a.csv"), None)
    assert (inbox / "done/a.csv").stat().st_mtime_ns == before
    assert move(claim, False, KEY) == Moved(str(inbox / "done/a.csv"), None)
    assert tree(inbox) == {"done/a.csv": "content"}


def test_across_file_systems_cut_off_before_the_unlink(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claimed(inbox)
    done = inbox / "done" / "a.csv"
    done.parent.mkdir()
    done.write_text("content")
    status = Path(claim.path).stat()
    os.utime(done, ns=(status.st_atime_ns, status.st_mtime_ns))
    across_file_systems(monkeypatch, inbox)
    assert move(claim, False, KEY) == Moved(str(done), None)
    assert tree(inbox) == {"done/a.csv": "content"}


@pytest.mark.parametrize("across", [False, True])
def test_a_version_that_comes_during_the_move_stays(
    inbox: Path, across: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, link = claimed(inbox), os.link

    def write_then_link(source: Any, target: Any, **options: Any) -> None:
        if across and Path(source).parent == inbox:
            raise OSError(errno.EXDEV, "another file system")
        newer = inbox / "newer"
        newer.write_text("newer")
        newer.replace(claim.path)
        link(source, target, **options)

    monkeypatch.setattr(os, "link", write_then_link)
    assert "has changed" in str(move(claim, False, KEY).reason)
    assert tree(inbox) == {"a.csv": "newer"}


def test_what_the_system_refuses_is_raised_and_nothing_is_lost(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_links(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        move(claimed(inbox), False, KEY)
    assert tree(inbox) == {"a.csv": "content"}
