"""Content-addressed files: durable before any row names them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock

from triphammer.service.errors import StoreError
from triphammer.service.store.durable import sync_folder


class FileArtifacts:
    """Artifacts below a folder, as `ab/cdef...`; callable from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._made: set[str] = set()

    def put(self, content: bytes) -> str:
        """Keep `content`; its SHA-256 in hex. File and folders are fsynced before it returns."""
        digest = hashlib.sha256(content).hexdigest()
        target = self._path(digest)
        self._make_folder(target.parent)
        if not target.exists():
            _write_durably(target, content)
        # Also for a file that was there: whoever wrote it may not have come this far.
        sync_folder(target.parent)
        return digest

    def _make_folder(self, folder: Path) -> None:
        with self._lock:
            if folder.name not in self._made:
                folder.mkdir(parents=True, exist_ok=True)
                sync_folder(self._folder)
                self._made.add(folder.name)

    def get(self, digest: str) -> bytes:
        """The content of `digest`. Raises `StoreError` when it is missing or damaged."""
        try:
            content = self._path(digest).read_bytes()
        except OSError as error:
            raise StoreError(f"artifact {digest} cannot be read: {error}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise StoreError(f"artifact {digest} is damaged: its content has another hash")
        return content

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest[2:]


class MemoryArtifacts:
    """Artifacts for tests and local runs, gone with the process."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        """Keep `content`; its SHA-256 in hex."""
        digest = hashlib.sha256(content).hexdigest()
        self._contents[digest] = content
        return digest

    def get(self, digest: str) -> bytes:
        """The content of `digest`."""
        try:
            return self._contents[digest]
        except KeyError:
            raise StoreError(f"artifact {digest} is not here") from None


def _write_durably(target: Path, content: bytes) -> None:
    with NamedTemporaryFile(dir=target.parent, prefix="new-", delete=False) as file:
        written = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            written.rename(target)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
