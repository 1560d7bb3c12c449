"""Where git says that it is at work on the files of a project."""

from __future__ import annotations

from pathlib import Path

POINTER = "gitdir: "


def index_lock(root: Path) -> Path | None:
    """The lock of the index of the working tree that `root` is in; None outside of any.

    It is there while git checks files out, merges or pulls.
    """
    for folder in (root, *root.parents):
        place = folder / ".git"
        if place.is_dir():
            return place.resolve() / "index.lock"
        if place.is_file():  # a worktree or submodule
            return _pointed(place)
    return None


def _pointed(place: Path) -> Path | None:
    try:
        text = place.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    if not text.startswith(POINTER):
        return None
    return (place.parent / text.removeprefix(POINTER)).resolve() / "index.lock"
