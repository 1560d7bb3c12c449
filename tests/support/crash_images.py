"""What a disk may hold after the power failed: a model of files, fed with real system calls.

kill -9 keeps the page cache and so tests no fsync. Here the calls of the real process are
replayed on a file system that forgets everything that no fsync has made durable: contents
by an fsync of the file, names by an fsync of their folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

CALLS = (
    "mkdir,mkdirat,open,openat,creat,write,pwrite64,ftruncate,rename,renameat,renameat2,"
    "unlink,unlinkat,fsync,fdatasync"
)
STRACE = (
    "strace",
    "-f",
    "-ff",
    "--seccomp-bpf",
    "-ttt",
    "-T",
    "-y",
    "-xx",
    "-s",
    "100000000",
    "-e",
    CALLS,
)
_LINE = re.compile(r"^(\d+\.\d+) (\w+)\((.*)\) += (-?\d+).* <(\d+\.\d+)>$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_OPEN_FILE = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})+)")


MISSING = object()


@dataclass(frozen=True)
class Call:
    """One system call that succeeded, at the time from which on it counts."""

    at: float
    name: str
    arguments: str

    @property
    def texts(self) -> list[bytes]:
        """The texts among its arguments."""
        return [_plain(text) for text in _TEXT.findall(self.arguments)]

    @property
    def file(self) -> str:
        """The path of the open file that is its first argument."""
        found = _OPEN_FILE.match(self.arguments)
        return _plain(found[1]).decode() if found else ""

    @property
    def number(self) -> int:
        """Its last argument."""
        return int(self.arguments.rsplit(", ", 1)[1])


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def recorded(folder: Path) -> list[Call]:
    """The calls of all threads in order. A flush counts when it ends, all else at once."""
    calls: list[Call] = []
    for file in folder.iterdir():
        for line in file.read_text("ascii").splitlines():
            found = _LINE.match(line)
            if found is None or int(found[4]) < 0:
                continue
            lasted = float(found[5]) if "sync" in found[2] else 0.0
            calls.append(Call(float(found[1]) + lasted, found[2], found[3]))
    return sorted(calls, key=lambda call: call.at)


SECTOR = 512
"""Bytes that a disk writes as one; of a longer write any of its sectors may be there."""
WHOLE, GONE = 0.5, 0.25
"""How probable it is that a write which was not flushed is there whole, or not at all."""


@dataclass(frozen=True)
class _Write:
    at: int
    data: bytes

    def onto(self, left: bytearray) -> None:
        left.extend(bytes(max(0, self.at - len(left))))
        left[self.at : self.at + len(self.data)] = self.data

    def torn(self, random: Random) -> Iterator[_Write]:
        """What of it a loss of power leaves."""
        chance = random.random()
        if chance < WHOLE:
            yield self
        elif chance > WHOLE + GONE:
            for start in range(0, len(self.data), SECTOR):
                if random.random() < 0.5:
                    yield _Write(self.at + start, self.data[start : start + SECTOR])


@dataclass(frozen=True)
class _Cut:
    size: int

    def onto(self, left: bytearray) -> None:
        del left[self.size :]

    def torn(self, random: Random) -> Iterator[_Cut]:
        """What of it a loss of power leaves."""
        if random.random() < 0.5:
            yield self


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[_Write | _Cut] = field(default_factory=list["_Write | _Cut"])

    def change(self, change: _Write | _Cut) -> None:
        change.onto(self.content)
        self.pending.append(change)

    def sync(self) -> None:
        self.durable = bytes(self.content)
        self.pending.clear()

    def after_crash(self, random: Random | None) -> bytes:
        """What is left: the durable part, and with `random` some of what was done since."""
        left = bytearray(self.durable)
        if random is not None:
            for change in self.pending:
                for part in change.torn(random):
                    part.onto(left)
        return bytes(left)


class Disk:
    """The files below one folder, which itself was there before."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._files: dict[str, _File] = {}
        self._folders = {self._root}
        self._durable: dict[str, Mapping[str, _File | None]] = {self._root: {}}

    def apply(self, call: Call) -> None:
        """Let a call have its effect, if it is about this folder."""
        if call.name in ("write", "pwrite64", "ftruncate", "fsync", "fdatasync"):
            self._apply_to_open(call)
            return
        paths = [text.decode() for text in call.texts]
        if not paths or not paths[0].startswith(self._root):
            return
        if call.name.startswith("open"):
            self._open(paths[0], call.arguments)
        elif call.name.startswith("mkdir"):
            self._folders.add(paths[0])
        elif call.name.startswith("rename"):
            self._files[paths[1]] = self._files.pop(paths[0])
        elif call.name.startswith("unlink"):
            self._files.pop(paths[0], None)

    def _open(self, path: str, arguments: str) -> None:
        if "O_CREAT" in arguments and path not in self._files:
            self._files[path] = _File()
        if "O_TRUNC" in arguments and path in self._files:
            self._files[path].change(_Cut(0))

    def _apply_to_open(self, call: Call) -> None:
        if call.file in self._folders:
            self._durable[call.file] = dict(self._entries(call.file))
            return
        file = self._files.get(call.file)
        if file is None:
            return
        if call.name == "pwrite64":
            file.change(_Write(call.number, call.texts[0]))
        elif call.name == "write":
            file.change(_Write(len(file.content), call.texts[0]))
        elif call.name == "ftruncate":
            file.change(_Cut(call.number))
        else:
            file.sync()

    def _entries(self, folder: str) -> Iterator[tuple[str, _File | None]]:
        for path, file in self._files.items():
            if path.rpartition("/")[0] == folder:
                yield path, file
        for path in self._folders - {self._root}:
            if path.rpartition("/")[0] == folder:
                yield path, None

    def write_image(self, target: Path, random: Random | None = None) -> None:
        """Write below `target` what a power failure now may leave."""
        self._write_folder(self._root, target, random)

    def _names(self, folder: str, random: Random | None) -> Mapping[str, _File | None]:
        """The names in a folder: those that were flushed, and with `random` some of the
        changes since, each by itself."""
        durable = self._durable.get(folder, {})
        if random is None:
            return durable
        now, names = dict(self._entries(folder)), dict(durable)
        for path in sorted({*durable, *now}):
            if durable.get(path, MISSING) is now.get(path, MISSING) or random.random() < 0.5:
                continue
            if path in now:
                names[path] = now[path]
            else:
                del names[path]
        return names

    def _write_folder(self, folder: str, target: Path, random: Random | None) -> None:
        target.mkdir()
        for path, file in self._names(folder, random).items():
            name = target / path.rpartition("/")[2]
            if file is None:
                self._write_folder(path, name, random)
            elif not path.endswith("-shm"):  # shared memory, made anew from the log
                name.write_bytes(file.after_crash(random))
