"""Files in the artifact store: copied piece by piece, whole or not at all."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.service.store.test_artifacts import artifacts, files
from triphammer.flows.copying import PIECE
from triphammer.flows.errors import TooLarge
from triphammer.flows.journal import Artifacts
from triphammer.service.errors import StoreError
from triphammer.service.store.artifacts import INCOMING, FileArtifacts, MemoryArtifacts

__all__ = ["artifacts"]


@pytest.mark.parametrize("size", [0, 1, PIECE, 3 * PIECE + 5])
def test_a_file_comes_back_by_its_hash(artifacts: Artifacts, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"x" * size)
    digest, kept = artifacts.keep(source, size)
    assert (digest, kept) == (hashlib.sha256(b"x" * size).hexdigest(), size)
    assert artifacts.path(digest).read_bytes() == artifacts.get(digest) == b"x" * size
    assert artifacts.keep(b"x" * size, size)[0] == digest
    assert str(artifacts.path(digest)).startswith(artifacts.place)


def test_bytes_that_were_put_have_a_path(artifacts: Artifacts) -> None:
    assert artifacts.path(artifacts.put(b"bytes")).read_bytes() == b"bytes"


@pytest.mark.parametrize("content", [b"1234", None])
def test_too_large_or_missing_leaves_nothing(tmp_path: Path, content: bytes | None) -> None:
    kept = FileArtifacts(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    source = tmp_path / "source"
    if content is None:
        with pytest.raises(FileNotFoundError):
            kept.keep(source, 10)
    else:
        source.write_bytes(content)
        with pytest.raises(TooLarge):
            kept.keep(source, 3)
        with pytest.raises(TooLarge):
            kept.keep(content, 3)
    assert files(tmp_path / "kept") == []


def test_what_a_crash_left_unfinished_is_swept_and_nothing_else(tmp_path: Path) -> None:
    kept = FileArtifacts(tmp_path)
    source = tmp_path.parent / "source"
    source.write_bytes(b"content")
    digest, _ = kept.keep(source, 10)
    (tmp_path / INCOMING / "new-left").write_bytes(b"half")
    assert list(kept.stored()) == [digest]
    assert files(tmp_path) == [kept.path(digest)]


def test_no_room_is_the_stores_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    kept = FileArtifacts(tmp_path)
    source = tmp_path / "source"
    source.write_bytes(b"content")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"the file .*source cannot be kept: No space left"):
        kept.keep(source, 10)
    with pytest.raises(StoreError, match="is missing"):
        kept.path("0" * 64)


def test_nobody_reads_half_of_what_another_asks_for_too() -> None:
    content = b"x" * 3_000_000
    with ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            kept, together = MemoryArtifacts(), Barrier(4)
            digest = kept.put(content)

            def size(_: int, kept: MemoryArtifacts = kept, together: Barrier = together) -> int:
                together.wait()
                return len(kept.path(digest).read_bytes())  # noqa: B023 - used within the round

            assert set(threads.map(size, range(4))) == {len(content)}
