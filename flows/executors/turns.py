"""One after the other: attempts of the same task wait for those before them to be over."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

J = TypeVar("J")


class Turns(Generic[J]):
    """Jobs by what they have in common."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, deque[J]] = {}

    def join(self, key: Hashable, job: J) -> bool:
        """Stand in line; True when it is the job's turn already."""
        line = self._lines.setdefault(key, deque())
        line.append(job)
        return len(line) == 1

    def leave(self, key: Hashable) -> J | None:
        """The first in line is over: the job whose turn it is now, if any."""
        line = self._lines[key]
        line.popleft()
        if line:
            return line[0]
        del self._lines[key]
        return None
