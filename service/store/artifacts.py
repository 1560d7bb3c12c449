"""Content-addressed files: durable before any row names them."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from threading import Lock
from weakref import finalize

from triphammer.flows.copying import UNFINISHED, copy_into
from triphammer.flows.errors import TooLarge
from triphammer.service.errors import StoreError
from triphammer.service.store.durable import sync_folder
from triphammer.service.store.trouble import is_away

FRESH_SECONDS = 3600.0
"""How long after its `put` or `path` an artifact is not removed: the row that names it may be on
its way."""
INCOMING = "in"
"""Where files are copied whose hash is not known yet."""


class FileArtifacts:
    """Artifacts below a folder, as `ab/cdef...`; callable from any thread.

    `ticks` are seconds that no step of the wall clock moves. `away` is told when nothing can
    be written (or opened) any more, before whoever tried it is: that is not the content's fault.
    """

    def __init__(
        self,
        folder: Path,
        ticks: Callable[[], float] = time.monotonic,
        away: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._away = away
        self._ticks = ticks
        self._lock = Lock()
        self._made: set[str] = set()
        self._fresh: dict[str, float] = {}
        self._doubtful: set[str] = set()
        self._writing: set[str] = set()

    def put(self, content: bytes) -> str:
        """Keep `content`; its SHA-256 in hex. File and folders are fsynced before it returns.

        Raises `StoreError`.
        """
        digest = hashlib.sha256(content).hexdigest()
        with self._lock:  # from here on `remove` leaves it alone, whether or not it is there
            self._fresh[digest] = self._ticks()
        target = self._path(digest)
        try:
            try:
                self._keep(target, content)
            except OSError as error:
                if is_away(error, self._folder):
                    raise
                self._keep(target, content)  # there was no room for a moment, or for this one
        except OSError as error:
            text = f"an artifact of {len(content)} bytes cannot be kept: {error.strerror}"
            refused = StoreError(text)
            if is_away(error, self._folder):
                self._away(refused)
            raise refused from error
        return digest

    def _keep(self, target: Path, content: bytes) -> None:
        self._make_folder(target.parent)
        if not target.exists() or target.parent.name in self._doubtful:
            _write_durably(target, content)
        # Also for a file that was there: whoever wrote it may not have come this far.
        self._sync(target.parent)

    def _sync(self, folder: Path) -> None:
        try:
            sync_folder(folder)
        except OSError:
            # The kernel forgets what it could not write: a second fsync would prove nothing
            # of the names that are there, only of those that are written anew.
            self._doubtful.add(folder.name)
            raise

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
            refused = StoreError(f"artifact {digest} cannot be read: {error}")
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._away(refused)
            raise refused from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise StoreError(f"artifact {digest} is damaged: its content has another hash")
        return content

    def keep(self, source: bytes | Path, most: int) -> tuple[str, int]:
        """Keep a content, or that of a file, piece by piece; its hash and size, fsynced.

        Raises `StoreError`, `TooLarge`, OSError for a file that cannot be read.
        """
        if isinstance(source, bytes):
            if len(source) > most:
                raise TooLarge(len(source))
            return self.put(source), len(source)
        with source.open("rb"):
            pass  # what is wrong with it is not the store's trouble
        unfinished: list[str] = []
        try:
            self._make_folder(self._folder / INCOMING)
            digest, size, file = copy_into(
                self._folder / INCOMING,
                source,
                most,
                target=self._wanted,
                writing=partial(self._write, unfinished),
            )
            self._sync(file.parent)
        except OSError as error:
            refused = StoreError(f"the file {source} cannot be kept: {error.strerror}")
            if is_away(error, self._folder):
                self._away(refused)
            raise refused from error
        finally:
            with self._lock:
                self._writing.difference_update(unfinished)
        return digest, size

    def _write(self, unfinished: list[str], name: str) -> None:
        with self._lock:
            unfinished.append(name)
            self._writing.add(name)

    def _wanted(self, digest: str) -> Path:
        """Where a file of this hash belongs, which is from now on left alone by `remove`."""
        with self._lock:
            self._fresh[digest] = self._ticks()
        self._make_folder(self._path(digest).parent)
        return self._path(digest)

    def path(self, digest: str) -> Path:
        """Where the content of `digest` lies. Raises `StoreError` when it does not.

        `remove` leaves it alone for a while: another row may be about to name it.
        """
        path = self._path(digest)
        with self._lock:
            if not path.is_file():
                raise StoreError(f"artifact {digest} is missing")
            self._fresh[digest] = self._ticks()
        return path

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._folder.absolute())

    def listed(self) -> Iterator[str]:
        """The hashes of all that is here."""
        yield from (file.parent.name + file.name for file in self._files() if _is_whole(file))

    def stored(self) -> Iterator[str]:
        """The same, and files that a crash left unfinished are removed."""
        self._fresh_now()
        for file in self._files():
            if _is_whole(file):
                yield file.parent.name + file.name
            else:
                self._remove_unfinished(file)

    def _files(self) -> Iterator[Path]:
        if self._folder.is_dir():
            for folder in sorted(item for item in self._folder.iterdir() if item.is_dir()):
                yield from sorted(folder.iterdir())

    def _remove_unfinished(self, file: Path) -> None:
        digests = [digest for digest in self._fresh_now() if digest[:2] == file.parent.name]
        with self._lock:
            writing = file.name in self._writing
        if not digests and not writing:  # else it may be one that is being written
            file.unlink(missing_ok=True)

    def _fresh_now(self) -> list[str]:
        oldest = self._ticks() - FRESH_SECONDS
        with self._lock:
            self._fresh = {d: at for d, at in self._fresh.items() if at > oldest}
            return list(self._fresh)

    def remove(self, digest: str) -> int:
        """Remove an artifact that no row names; the bytes that it took, 0 if it stays.

        One that was put a while ago stays: its row may not be committed yet.
        """
        file = self._path(digest)
        with self._lock:
            if self._ticks() - self._fresh.get(digest, -FRESH_SECONDS) < FRESH_SECONDS:
                return 0
            size = file.stat().st_size
            file.unlink()
        return size

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest[2:]


class MemoryArtifacts:
    """Artifacts for tests and local runs, gone with the process."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._lock = Lock()
        self._place: str | None = None

    def put(self, content: bytes) -> str:
        """Keep `content`; its SHA-256 in hex."""
        digest = hashlib.sha256(content).hexdigest()
        self._contents[digest] = content
        return digest

    def get(self, digest: str) -> bytes:
        """The content of `digest`."""
        if digest in self._contents:
            return self._contents[digest]
        if self._path(digest).is_file():
            return self._path(digest).read_bytes()
        raise StoreError(f"artifact {digest} is not here")

    def keep(self, source: bytes | Path, most: int) -> tuple[str, int]:
        """Keep a content, or that of a file; its hash and size. Raises `TooLarge`, OSError."""
        digest, size, _ = copy_into(Path(self.place), source, most, target=self._path)
        return digest, size

    def path(self, digest: str) -> Path:
        """Where the content of `digest` lies as a file."""
        path = self._path(digest)
        if digest in self._contents:
            with self._lock:  # nobody is to read half of it
                if not path.is_file():
                    path.write_bytes(self._contents[digest])
        if not path.is_file():
            raise StoreError(f"artifact {digest} is not here")
        return path

    @property
    def place(self) -> str:
        """The folder of those that are files."""
        with self._lock:  # tasks in several threads may be the first
            if self._place is None:
                self._place = mkdtemp(prefix="triphammer-artifacts-")
                finalize(self, partial(shutil.rmtree, self._place, ignore_errors=True))
            return self._place

    def _path(self, digest: str) -> Path:
        path = Path(self.place) / digest[:2] / digest[2:]
        path.parent.mkdir(exist_ok=True)
        return path

    def stored(self) -> Iterator[str]:
        """The hashes of all that is here."""
        yield from self._contents

    def remove(self, digest: str) -> int:
        """Remove an artifact that no row names; the bytes that it took."""
        return len(self._contents.pop(digest))


def _is_whole(file: Path) -> bool:
    return not file.name.startswith(UNFINISHED)


def _write_durably(target: Path, content: bytes) -> None:
    with NamedTemporaryFile(dir=target.parent, prefix=UNFINISHED, delete=False) as file:
        written = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            written.rename(target)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
