"""Jobs in line for the threads that do them, and news that every one of these threads hears."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

J = TypeVar("J")


class Line(Generic[J]):
    """`take` blocks; everything else does not. `edition` goes up with each piece of news."""

    def __init__(self) -> None:
        self._jobs: deque[J] = deque()
        self._there = Condition()
        self.edition = 0
        self.is_over = False

    def put(self, job: J) -> None:
        """Stand in line."""
        with self._there:
            self._jobs.append(job)
            self._there.notify()

    def tell_all(self) -> None:
        """Let every `take` return that has not heard of it, also those that wait already."""
        with self._there:
            self.edition += 1
            self._there.notify_all()

    def end(self) -> None:
        """No job comes any more; those in line are still taken."""
        with self._there:
            self.is_over = True
            self._there.notify_all()

    def take(self, heard: int) -> J | None:
        """The next job; None: there is news since the edition `heard`, or nothing comes."""
        with self._there:
            while not self._jobs:
                if self.is_over or self.edition != heard:
                    return None
                self._there.wait()
            return self._jobs.popleft()
