from __future__ import annotations

from pathlib import Path

import pytest

from triphammer.service.store.durable import make_folder, sync_folder


def test_a_folder_is_made_with_what_it_lies_in(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c"
    make_folder(folder)
    (folder / "kept").write_text("x")
    make_folder(folder)
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            make_folder(folder)


def test_only_a_folder_that_is_there_can_be_made_durable(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")
