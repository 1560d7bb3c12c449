from __future__ import annotations

import os
from pathlib import Path

from triphammer.config.ids import new_id
from triphammer.service.dispatcher.underway import SLOT, nowhere, open_underway


def test_what_a_crash_leaves_is_what_was_under_way(tmp_path: Path) -> None:
    file = tmp_path / "underway"
    runs = [new_id("run") for _ in range(4)]
    with open_underway(file, 3) as table:
        assert table.left == ()
        for run in runs:
            table.begin(run)
            table.begin(run)
        table.end(runs[1])
        table.end("run_unknown")
        table.begin(runs[3])
        left = file.read_bytes()
    assert not file.exists(), "whoever ends in order leaves nothing"
    file.write_bytes(left)
    with open_underway(file, 3) as table:
        assert sorted(table.left) == sorted([runs[0], runs[2], runs[3]])
    with open_underway(file, 3) as table:
        assert table.left == ()


def test_a_torn_table_names_nobody_wrongly(tmp_path: Path) -> None:
    file = tmp_path / "underway"
    file.write_bytes(b"\xff" * 10 + bytes(2 * SLOT - 10) + b"run_1")
    with open_underway(file, 2) as table:
        assert table.left == ("run_1",)


def test_where_no_table_can_be_made_nothing_is_noted(tmp_path: Path) -> None:
    with open_underway(tmp_path / "missing" / "underway", 2) as table:
        table.begin("run_1")
        table.end("run_1")
    nowhere().begin("run_1")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - only whether there is anything
