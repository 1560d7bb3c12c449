from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest
import trio.testing

from triphammer.config.ids import new_id
from triphammer.service.dispatcher.underway import (
    ACQUITTED,
    CROWD,
    SLOT,
    Underway,
    blamed,
    nowhere,
    open_underway,
)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


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


def table_of(file: Path, count: int) -> bytes:
    with open_underway(file, count) as table:
        for number in range(count):
            table.begin(f"run_{number}")
        return file.read_bytes()


def test_a_crowd_is_blamed_only_for_a_fault_of_the_process(tmp_path: Path) -> None:
    few = table_of(tmp_path / "few", CROWD)
    assert len(blamed(few, fatal=False)) == CROWD
    many = table_of(tmp_path / "many", CROWD + 1)
    assert blamed(many, fatal=False) == ()
    assert len(blamed(many, fatal=True)) == CROWD + 1
    (tmp_path / "left").write_bytes(many)
    with open_underway(tmp_path / "left", 1, fatal=True) as table:
        assert len(table.left) == CROWD + 1


def test_after_the_end_of_all_nothing_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "underway"
    with open_underway(file, 3) as table:
        table.begin("run_1")
        table.end_all()
        table.end("run_1")
        table.begin("run_2")
        table.survived("run_2")
        assert blamed(file.read_bytes(), fatal=True) == ()


@pytest.mark.anyio
async def test_what_the_daemon_has_survived_for_long_is_acquitted() -> None:
    content = bytearray(3 * SLOT)

    def write(text: bytes, at: int) -> None:
        content[at : at + SLOT] = text

    table = Underway(write, 3, (), now=lambda: round(anyio.current_time() * 1e6))
    async with anyio.create_task_group() as group:
        group.start_soon(table.run)
        await anyio.sleep(5)
        for run in ("run_old", "run_short"):
            table.begin(run)
        await anyio.sleep(10)
        table.end("run_short")
        table.begin("run_new")
        await anyio.sleep(ACQUITTED / 1e6 - 10.5)
        assert sorted(blamed(bytes(content), fatal=True)) == ["run_new", "run_old"]
        await anyio.sleep(1)
        assert blamed(bytes(content), fatal=True) == ("run_new",)
        await anyio.sleep(10)
        assert blamed(bytes(content), fatal=True) == ()
        table.begin("run_late")
        await anyio.sleep(ACQUITTED / 1e6 + 1)
        assert not any(content)
        group.cancel_scope.cancel()
