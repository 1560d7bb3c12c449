"""Moving a file to `done=` / `failed=`: once, never over another file, never a newer version.

Each step can be cut off by a crash and done again: a move that is found done counts as done.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from pathlib import Path

import msgspec

from triphammer.sensors.contract import Claim
from triphammer.sensors.files.identity import identity_at

NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Moved(msgspec.Struct, frozen=True):
    """Where the file is now; `to` is None where it was left in place, `reason` why."""

    to: str | None
    reason: str | None


def is_current(path: str, identity: str) -> bool:
    """True while the file at `path` is still the version that `identity` names."""
    return identity_at(path) == identity


def move(claim: Claim, failed: bool, key: str) -> Moved:
    """Move the claimed file below its `failed` or its `done` folder, under its own name.

    Where that name is taken, `key` (the event's) is put before the suffix. A file that is gone
    or has changed stays as it is, with a reason. Raises OSError: nothing is lost, try again.
    """
    folder = claim.failed if failed else claim.done
    if folder is None:
        return Moved(None, None)
    names = _names(Path(folder) / claim.name, key)
    if is_current(claim.path, claim.identity):
        return _carry(claim, names)
    for target in names:
        if _is_moved(target, claim.identity):
            return Moved(str(target), None)
    return Moved(None, _why_left(claim.path))


def _names(target: Path, key: str) -> tuple[Path, Path]:
    return target, target.with_name(f"{target.stem}.{key}{target.suffix}")


def _is_moved(target: Path, identity: str) -> bool:
    """True for the version itself; a copy from another file system has another inode."""
    found = identity_at(target)
    return found is not None and found.partition(":")[2] == identity.partition(":")[2]


def _why_left(path: str) -> str:
    if os.path.lexists(path):
        return "it has changed since its event; the newer version has an event of its own"
    return "it is there no more"


def _carry(claim: Claim, names: tuple[Path, Path]) -> Moved:
    source = Path(claim.path)
    _make_folders(names[0].parent)
    for target in names:
        if _is_same(source, target):
            return _drop(source, target)
    try:
        return _rename(claim, source, names)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    copy = _copy(source, names[1].with_name(f".{names[1].name}.part"))
    target, linked = _place(copy, names)
    if linked:
        copy.unlink()
    return _finish(claim, source, target)


def _rename(claim: Claim, source: Path, names: tuple[Path, Path]) -> Moved:
    target, linked = _place(source, names)
    return _finish(claim, source, target) if linked else _moved(source, target)


def _finish(claim: Claim, source: Path, target: Path) -> Moved:
    """The file has both names: drop the old one, unless it means a newer version by now."""
    if source.exists() and not is_current(claim.path, claim.identity):
        target.unlink()
        return Moved(None, _why_left(claim.path))
    return _drop(source, target)


def _is_same(source: Path, target: Path) -> bool:
    """True for what a crash left between naming the file anew and dropping its old name."""
    if not target.is_file():
        return False
    old, new = source.stat(), target.stat()
    if (old.st_size, old.st_mtime_ns) != (new.st_size, new.st_mtime_ns):
        return False
    return source.samefile(target) or filecmp.cmp(source, target, shallow=False)


def _drop(source: Path, target: Path) -> Moved:
    # The new name must be durable before the old one goes.
    _sync(target.parent)
    source.unlink(missing_ok=True)
    _sync(source.parent)
    return Moved(str(target), None)


def _moved(source: Path, target: Path) -> Moved:
    _sync(target.parent)
    _sync(source.parent)
    return Moved(str(target), None)


def _place(source: Path, names: tuple[Path, Path]) -> tuple[Path, bool]:
    """Give the file the first of `names` that is free; True when it keeps its old one too."""
    try:
        return names[0], _link(source, names[0])
    except FileExistsError:
        return names[1], _link(source, names[1])


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        # Without hard links the name is taken first, so that the rename overwrites only that.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        source.rename(target)
        return False
    return True


def _copy(source: Path, copy: Path) -> Path:
    copy.unlink(missing_ok=True)
    shutil.copy2(source, copy)
    with copy.open("rb") as stream:
        os.fsync(stream.fileno())
    return copy


def _make_folders(folder: Path) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        _sync(made.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
