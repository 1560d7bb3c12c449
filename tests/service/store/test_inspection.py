from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.contracts.store_cases import a_run, accept, an_event, one, opening, ran, running
from tests.service.store import fixture
from tests.service.store.test_released_schemas import restore
from triphammer.service.errors import SchemaTooNew, StoreError
from triphammer.service.store.artifacts import FileArtifacts
from triphammer.service.store.inspection import SHOWN, inspect
from triphammer.service.store.layout import ARTIFACTS, DATABASE, LOGS

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A data folder in order: its runs' versions are stored, its artifact is there."""
    async with running(opening("file", tmp_path)) as opened:
        await fixture.fill(opened.store)
        opened.artifacts.put(fixture.ARTIFACT)
    change(tmp_path, "UPDATE runs SET flow = 'ended'")
    change(tmp_path, "DELETE FROM run_counts WHERE runs = 0")
    change(tmp_path, "UPDATE run_counts SET flow = 'ended'")  # each run is in a state of its own
    return tmp_path


def change(folder: Path, sql: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as raw:
        raw.execute(sql)


async def test_a_folder_in_order(folder: Path) -> None:
    found = inspect(folder)
    assert found.troubles == ()
    assert found.notes == ()
    assert found.counts == {"events": 3, "runs": 3, "messages": 2, "identities": 3}


async def test_while_somebody_writes(tmp_path: Path) -> None:
    async with running(opening("file", tmp_path)) as opened:
        await one(opened.store, accept(ran(an_event())))
        assert inspect(tmp_path).counts["events"] == 1
        await one(opened.store, accept(ran(an_event())))
        assert inspect(tmp_path).counts["events"] == 2


@pytest.mark.parametrize(
    ("sql", "trouble"),
    [
        ("DELETE FROM events WHERE key = 'evt_3'", "run without its event: run_waiting"),
        ("DELETE FROM events WHERE key = 'evt_2'", "moved without its event: evt_2"),
        ("DELETE FROM versions", "without its flow version: run_open"),
        ("DELETE FROM identities WHERE id = '1'", "event without its identity: evt_1"),
        ("DELETE FROM runs WHERE id = 'run_ended'", "row that belongs to none: tasks row 1"),
        ("UPDATE run_counts SET runs = 2 WHERE runs = 1", "wrong count of runs: ended failed"),
        ("DELETE FROM run_counts WHERE state = 'queued'", "wrong count of runs: ended queued"),
    ],
)
async def test_what_does_not_fit_together(folder: Path, sql: str, trouble: str) -> None:
    change(folder, sql)
    assert any(trouble in text for text in inspect(folder).troubles)


async def test_an_artifact_that_is_missing_or_damaged(folder: Path) -> None:
    file = folder / ARTIFACTS / fixture.DIGEST[:2] / fixture.DIGEST[2:]
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    assert any(fixture.DIGEST in t and "damaged" in t for t in inspect(folder).troubles)
    file.unlink()
    assert inspect(folder).troubles == (f"artifact: {fixture.DIGEST} is missing",)


async def test_an_artifact_that_nobody_names_is_no_trouble(folder: Path) -> None:
    FileArtifacts(folder / ARTIFACTS).put(b"left by a crash")
    found = inspect(folder)
    assert found.troubles == ()
    assert found.notes == ("1 artifacts that no row names; `triphammer db prune` removes them",)


@pytest.mark.parametrize("name", [DATABASE, LOGS])
async def test_a_damaged_page_is_found(tmp_path: Path, name: str) -> None:
    async with running(opening("file", tmp_path)) as opened:
        await one(opened.store, accept(*(ran(an_event(), a_run()) for _ in range(300))))
    with (tmp_path / name).open("r+b") as file:
        file.seek(4096 if name == LOGS else 4096 * 5)
        file.write(b"\xff" * 4096)
    assert any(f"{name} is" in text for text in inspect(tmp_path).troubles)


async def test_much_trouble_is_counted(folder: Path) -> None:
    async with running(opening("file", folder)) as opened:
        await one(opened.store, accept(*(ran(an_event()) for _ in range(SHOWN + 5))))
    change(folder, "DELETE FROM identities")
    troubles = inspect(folder).troubles
    assert len(troubles) == SHOWN + 1
    assert troubles[-1] == "event without its identity: 8 more"


def test_an_older_schema_is_a_note(tmp_path: Path) -> None:
    restore(fixture.FOLDER / "0001.sql", tmp_path)
    assert any("db migrate" in note for note in inspect(tmp_path).notes)


def test_what_cannot_be_looked_through(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        inspect(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="no database of ours"):
        inspect(tmp_path)


async def test_a_newer_schema_is_refused(folder: Path) -> None:
    change(folder, "PRAGMA user_version = 999")
    with pytest.raises(SchemaTooNew, match="999"):
        inspect(folder)
