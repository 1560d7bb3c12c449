"""Files are read once, and what was loaded goes together whatever is saved meanwhile."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_loader import a_flow, call, load, messages, write
from triphammer.flows.loader import READS
from triphammer.flows.modules import PREFIX
from triphammer.flows.snapshot import Snapshot


def test_what_was_seen_stays_until_it_is_asked_whether_it_holds(tmp_path: Path) -> None:
    file, none = tmp_path / "a.py", tmp_path / "b.py"
    file.write_text("1")
    snapshot = Snapshot()
    assert (snapshot.content(file), snapshot.is_file(none)) == (b"1", False)
    assert snapshot.python_files(tmp_path) == (file,)
    assert snapshot.holds()
    file.write_text("2")
    assert snapshot.content(file) == b"1"
    assert not snapshot.holds()
    file.write_text("1")
    assert snapshot.holds()
    none.touch()
    assert not snapshot.holds()


def test_a_file_that_cannot_be_read_is_an_error_each_time(tmp_path: Path) -> None:
    snapshot = Snapshot()
    for _ in range(2):
        with pytest.raises(OSError, match="No such file") as raised:
            snapshot.content(tmp_path / "none.py")
        assert raised.value.strerror == "No such file or directory"
    assert snapshot.holds()


def test_the_folders_to_watch_are_those_where_an_answer_could_change(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "lib").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.py").touch()
    (root / "linked.py").symlink_to(tmp_path / "elsewhere" / "real.py")
    (tmp_path / "current").symlink_to(root)
    snapshot = Snapshot()
    snapshot.is_file(root / "lib" / "not" / "yet" / "there.py")
    assert snapshot.folders() == {root / "lib"}
    snapshot.content(root / "linked.py")
    assert snapshot.folders() == {root / "lib", root, tmp_path / "elsewhere"}
    through = Snapshot()
    through.is_file(tmp_path / "current" / "lib" / "a.py")
    assert through.folders() == {root / "lib", tmp_path}


def test_a_save_between_two_reads_is_in_all_of_it_or_in_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file is being read when the whole set is saved, no version is mixed."""
    text = a_flow("a", "[helper.VALUE, other.VALUE]", "import helper, other")
    content = Snapshot.content
    for moment in ("a.py", "helper.py", "other.py"):
        write(tmp_path, flows__a=text, helper="VALUE = 1\n", other="VALUE = 1\n")

        def read(self: Snapshot, file: Path, moment: str = moment) -> bytes:
            found = content(self, file)
            if file.name == moment:
                write(tmp_path, helper="VALUE = 2\n", other="VALUE = 2\n")
            return found

        monkeypatch.setattr(Snapshot, "content", read)
        assert call(load(tmp_path).flows["a"]) == [2, 2], moment
        monkeypatch.undo()


def test_files_that_change_all_the_time_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, flows__a=a_flow("a"))
    asked: list[Snapshot] = []

    def holds(self: Snapshot) -> bool:
        asked.append(self)
        return False

    monkeypatch.setattr(Snapshot, "holds", holds)
    found = load(tmp_path)
    assert found.flows == {}
    assert messages(found)[0].startswith("flows/a.py:1: changes again and again while it is read")
    assert set(found.broken) == {"flows/a.py"}
    assert len(set(map(id, asked))) == READS


def modules_of(version: str) -> list[str]:
    return [name for name in sys.modules if name.startswith(PREFIX + version)]


def test_versions_that_nobody_has_any_more_are_let_go(tmp_path: Path) -> None:
    """Not those of a run under way: its task may import more of its modules at any time."""
    text = "def late():\n    import lazy\n    return lazy.VALUE\n" + a_flow("a", "late()")
    write(tmp_path, flows__a=text, lazy="VALUE = 1\n")
    under_way = load(tmp_path).flows["a"]
    first = under_way.version
    write(tmp_path, lazy="VALUE = 2\n")
    second = load(tmp_path).flows["a"].version
    gc.collect()
    write(tmp_path, lazy="VALUE = 3\n")
    third = load(tmp_path)
    assert modules_of(first)
    assert not modules_of(second)
    assert call(under_way) == 1
    task: Any = under_way.graph.nodes["value"].spec.fn
    del under_way
    gc.collect()
    assert call(load(tmp_path).flows["a"]) == 3
    assert not modules_of(first)
    assert task() == 1, "an attempt that was abandoned still finds its own"
    assert third.leases


def test_a_file_without_a_flow_is_executed_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        flows__plain="import os\nos.environ['PLAIN_TIMES'] = os.environ['PLAIN_TIMES'] + 'x'\n",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAIN_TIMES", "")
        kept = load(tmp_path)
        load(tmp_path)
        import os

        assert os.environ["PLAIN_TIMES"] == "x"
    assert kept.errors == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise KeyboardInterrupt\n", "flows/bad.py:1: KeyboardInterrupt"),
        ("import asyncio\nraise asyncio.CancelledError\n", "flows/bad.py:2: CancelledError"),
        ("(" * 5000 + ")" * 5000 + "\n", "flows/bad.py:1: "),
    ],
)
def test_whatever_a_file_raises_breaks_that_file_only(
    tmp_path: Path, text: str, message: str
) -> None:
    write(tmp_path, flows__a=a_flow("a"), flows__bad=text)
    found = load(tmp_path)
    assert list(found.flows) == ["a"]
    assert messages(found)[0].startswith(message)
