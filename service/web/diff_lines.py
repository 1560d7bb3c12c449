"""A unified diff taken apart into numbered lines, as a page shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Change = Literal["same", "added", "removed"]
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_CHANGES: dict[str, Change] = {" ": "same", "+": "added", "-": "removed"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line. `old` and `new` are its numbers before and after, None where it is not there.
    `skips`: lines between it and the one shown before it are the same and left out."""

    change: Change
    old: int | None
    new: int | None
    text: str
    skips: bool = False


def diff_lines(diff: str) -> Iterator[DiffLine]:
    """The lines of one file's unified diff; nothing for an empty file that came or went."""
    old = new = 0
    skips = begun = False
    for line in diff.split("\n")[2:-1]:  # behind the two names; each line ends with a newline
        hunk = _HUNK.match(line)
        if hunk is not None:
            skips = begun or int(hunk[1]) > 1
            old, new, begun = int(hunk[1]), int(hunk[2]), True
            continue
        change = _CHANGES[line[0]]
        yield DiffLine(
            change=change,
            old=None if change == "added" else old,
            new=None if change == "removed" else new,
            text=line[1:],
            skips=skips,
        )
        old, new, skips = old + (change != "added"), new + (change != "removed"), False


def counted(lines: list[DiffLine]) -> tuple[int, int]:
    """How many lines were added, and how many removed."""
    changes = [line.change for line in lines]
    return changes.count("added"), changes.count("removed")
