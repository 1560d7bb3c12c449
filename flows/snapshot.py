"""What was seen of the user's files: each is read once, and all of it can be looked at again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

Seen = bytes | bool | str | tuple[str, ...] | None


class Snapshot:
    """Files, folders and names as they were when first asked for.

    Code is compiled from what was read here, so that a file saved meanwhile is in none of it
    or in all. Blocks: use it in a thread.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[Callable[[Path], Seen], Path], Seen] = {}

    def content(self, file: Path) -> bytes:
        """The bytes of `file`. Raises OSError, each time, when it could not be read."""
        seen = self._look(_content, file)
        if isinstance(seen, bytes):
            return seen
        raise OSError(None, seen)

    def note(self, file: Path) -> None:
        """Let the content of `file`, or that it is not there, be a part of this."""
        self._look(_content, file)

    def files(self) -> frozenset[Path]:
        """The files whose content was asked for."""
        return frozenset(path for look, path in self._seen if look is _content)

    def is_file(self, path: Path) -> bool:
        """Whether there is a file at `path`."""
        return self._look(_is_file, path) is True

    def is_dir(self, path: Path) -> bool:
        """Whether there is a folder at `path`."""
        return self._look(_is_dir, path) is True

    def python_files(self, folder: Path) -> tuple[Path, ...]:
        """The `*.py` of `folder` that do not begin with `_`, in order; empty if it is not there."""
        names = self._look(_names, folder)
        return tuple(folder / name for name in names) if isinstance(names, tuple) else ()

    def holds(self) -> bool:
        """Whether everything still is as it was seen."""
        return all(look(path) == seen for (look, path), seen in self._seen.items())

    def folders(self) -> frozenset[Path]:
        """The folders that there are of those in which a change could be a change of this.

        Real ones: where a link is on the way, also the folder that it stands in.
        """
        asked = {path for _, path in self._seen} | {path.parent for _, path in self._seen}
        found = {folder for path in asked for folder in _on_the_way(path)}
        return frozenset(found)

    def _look(self, look: Callable[[Path], Seen], path: Path) -> Seen:
        key = (look, path)
        if key not in self._seen:
            self._seen[key] = look(path)
        return self._seen[key]


def _content(file: Path) -> Seen:
    try:
        return file.read_bytes()
    except OSError as error:
        return error.strerror or type(error).__name__


# os.path answers where pathlib raises: below a folder that may not be entered.
def _is_file(path: Path) -> Seen:
    return os.path.isfile(path)  # noqa: PTH113


def _is_dir(path: Path) -> Seen:
    return os.path.isdir(path)  # noqa: PTH112


def _is_link(path: Path) -> bool:
    return os.path.islink(path)  # noqa: PTH114


def _names(folder: Path) -> Seen:
    try:
        found = [f.name for f in folder.glob("*.py") if not f.name.startswith("_")]
    except OSError:
        return None
    return tuple(sorted(found)) if found or _is_dir(folder) else None


def _on_the_way(path: Path) -> Iterator[Path]:
    """The nearest folder there is at or above `path`, and those that links to it stand in."""
    folder = path
    while not _is_dir(folder):
        if _is_link(folder):  # it leads nowhere yet
            yield folder.parent.resolve()
        folder = folder.parent
    if _is_link(path) and _is_file(path):
        yield path.resolve().parent
    yield folder.resolve()
    for place in (folder, *folder.parents):
        if _is_link(place):
            yield place.parent.resolve()
