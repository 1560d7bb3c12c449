from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread

import pytest

from triphammer.flows.copying import UNFINISHED
from triphammer.flows.journal import Artifacts
from triphammer.service.errors import StoreError
from triphammer.service.store.artifacts import (
    FRESH_SECONDS,
    FileArtifacts,
    MemoryArtifacts,
)


@pytest.fixture(params=["file", "memory"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    return FileArtifacts(tmp_path) if request.param == "file" else MemoryArtifacts()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"x" * 3_000_000])
def test_content_comes_back_by_its_hash(artifacts: Artifacts, content: bytes) -> None:
    digest = artifacts.put(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert artifacts.get(digest) == content
    assert artifacts.put(content) == digest


def test_what_is_missing_is_named(artifacts: Artifacts) -> None:
    with pytest.raises(StoreError, match="0" * 64):
        artifacts.get("0" * 64)


def test_equal_content_is_kept_once_in_two_levels(tmp_path: Path) -> None:
    digests = {FileArtifacts(tmp_path).put(b"same") for _ in range(3)}
    (digest,) = digests
    assert files(tmp_path) == [tmp_path / digest[:2] / digest[2:]]


def test_threads_may_put_the_same_content_at_once(tmp_path: Path) -> None:
    artifacts = FileArtifacts(tmp_path)
    contents = [bytes([n % 5]) * 1000 for n in range(60)]
    with ThreadPoolExecutor(12) as pool:
        digests = list(pool.map(artifacts.put, contents))
    assert [artifacts.get(d) for d in digests] == contents
    assert len(files(tmp_path)) == 5


def test_damage_is_noticed(tmp_path: Path) -> None:
    artifacts = FileArtifacts(tmp_path)
    digest = artifacts.put(b"content")
    (tmp_path / digest[:2] / digest[2:]).write_bytes(b"contend")
    with pytest.raises(StoreError, match="damaged"):
        artifacts.get(digest)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    artifacts = FileArtifacts(tmp_path)
    artifacts.put(b"first")
    before = files(tmp_path)
    digest = hashlib.sha256(b"second").hexdigest()
    (tmp_path / digest[:2]).mkdir()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        artifacts.put(b"second")
    assert files(tmp_path) == before
    monkeypatch.undo()
    assert artifacts.get(artifacts.put(b"second")) == b"second"


def test_after_a_failed_fsync_of_the_folder_the_file_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = FileArtifacts(tmp_path)
    digest = artifacts.put(b"content")
    file = tmp_path / digest[:2] / digest[2:]
    first = file.stat().st_ino

    def broken(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("triphammer.service.store.artifacts.sync_folder", broken)
    with pytest.raises(StoreError, match="Input/output"):
        artifacts.put(b"content")
    assert file.stat().st_ino == first
    monkeypatch.undo()
    artifacts.put(b"content")
    assert file.stat().st_ino != first


def test_a_failed_fsync_of_a_kept_file_is_not_forgotten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the file's own name nothing proves that it is there: `put` writes it anew."""
    artifacts, source = FileArtifacts(tmp_path / "store"), tmp_path / "source"
    source.write_bytes(b"content")
    digest, _ = artifacts.keep(source, 100)
    file = artifacts.path(digest)

    def broken(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("triphammer.service.store.artifacts.sync_folder", broken)
    with pytest.raises(StoreError, match="Input/output"):
        artifacts.keep(source, 100)
    monkeypatch.undo()
    kept = file.stat().st_ino
    artifacts.put(b"content")
    assert file.stat().st_ino != kept


MODULE = "triphammer.service.store.artifacts"


class Ticks:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_only_what_was_not_put_lately_is_removed(tmp_path: Path) -> None:
    ticks = Ticks()
    artifacts = FileArtifacts(tmp_path, ticks)
    digest = artifacts.put(b"content")
    assert artifacts.remove(digest) == 0
    ticks.now += FRESH_SECONDS - 1
    artifacts.put(b"content")
    ticks.now += FRESH_SECONDS - 1
    assert artifacts.remove(digest) == 0
    ticks.now += 1
    assert list(artifacts.stored()) == [digest]
    assert artifacts.remove(digest) == len(b"content")
    assert files(tmp_path) == []
    assert artifacts.get(artifacts.put(b"content")) == b"content"


def test_what_somebody_has_found_is_not_removed_before_its_row_is_there(tmp_path: Path) -> None:
    ticks = Ticks()
    artifacts = FileArtifacts(tmp_path, ticks)
    digest = artifacts.put(b"content")
    ticks.now += FRESH_SECONDS
    assert artifacts.path(digest).read_bytes() == b"content"
    assert artifacts.remove(digest) == 0
    ticks.now += FRESH_SECONDS
    assert artifacts.remove(digest) == len(b"content")


def test_what_a_start_finds_may_be_removed(tmp_path: Path) -> None:
    digest = FileArtifacts(tmp_path).put(b"content")
    assert FileArtifacts(tmp_path).remove(digest) > 0


def test_what_a_crash_left_unfinished_is_removed(tmp_path: Path) -> None:
    digest = FileArtifacts(tmp_path).put(b"content")
    left = tmp_path / digest[:2] / f"{UNFINISHED}abc"
    left.write_bytes(b"con")
    ticks = Ticks()
    artifacts = FileArtifacts(tmp_path, ticks)
    artifacts.put(b"content")
    assert list(artifacts.stored()) == [digest]
    assert left.exists()  # it might be one that is being written
    ticks.now += FRESH_SECONDS
    assert list(artifacts.stored()) == [digest]
    assert not left.exists()


def test_removing_and_putting_the_same_content_at_once(tmp_path: Path) -> None:
    """Whatever was put and not removed since is there: a put is never undone by a removal."""
    ticks = Ticks()
    artifacts = FileArtifacts(tmp_path, ticks)
    digest = artifacts.put(b"content")

    def remove() -> None:
        if any(True for _ in artifacts.stored()):
            with suppress(FileNotFoundError):
                artifacts.remove(digest)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(100):
            ticks.now += FRESH_SECONDS
            removing = [pool.submit(remove) for _ in range(2)]
            assert pool.submit(artifacts.put, b"content").result() == digest
            for one in removing:
                one.result()
            assert artifacts.get(digest) == b"content"


def failing(number: int, from_size: int) -> Callable[[Path, bytes], None]:
    def write(target: Path, content: bytes) -> None:
        if len(content) >= from_size:
            raise OSError(number, os.strerror(number))

    return write


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EMFILE])
def test_a_disk_that_fails_is_told_before_the_attempt_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    told: list[Exception] = []
    artifacts = FileArtifacts(tmp_path, away=told.append)
    monkeypatch.setattr(f"{MODULE}._write_durably", failing(number, 0))
    with pytest.raises(StoreError) as raised:
        artifacts.put(b"content")
    assert told == [raised.value]


def test_what_is_larger_than_the_rest_of_the_disk_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Exception] = []
    artifacts = FileArtifacts(tmp_path, away=told.append)
    monkeypatch.setattr(f"{MODULE}._write_durably", failing(errno.ENOSPC, 1000))
    with pytest.raises(StoreError, match="1000 bytes cannot be kept"):
        artifacts.put(b"x" * 1000)
    assert told == []

    def full(folder: Path) -> None:
        raise StoreError("there is no room")

    monkeypatch.setattr("triphammer.service.store.trouble.probe_room", full)
    with pytest.raises(StoreError, match="cannot be kept"):
        artifacts.put(b"x" * 1000)
    assert len(told) == 1


def test_two_who_are_the_first_to_keep_a_file_in_memory_have_one_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    artifacts, made = MemoryArtifacts(), list[str]()
    other = Thread(target=lambda: artifacts.place)

    def interrupted(prefix: str) -> str:
        made.append(prefix)
        if len(made) == 1:
            other.start()
            other.join(0.1)  # it comes as far as it can
        return mkdtemp(prefix=prefix)

    monkeypatch.setattr(f"{MODULE}.mkdtemp", interrupted)
    first = artifacts.place
    other.join()
    assert made == ["triphammer-artifacts-"]
    assert artifacts.place == first
