"""When a file is whole: what was seen of it goes in with its time, whole files come out.

Pure: no clock and no file system. A file waits here from when it is noticed until it is found
whole, gone, or the version that was emitted before. It is looked at when `take` says so:

- stable: once nothing was noticed of it for the settle time. What the look shows decides: a
  version other than the last one looked at, or one that changed less than the settle time ago
  by the file system's own clock, waits for another settle time. So a notification that was
  late or lost delays a file, and a part is not emitted.
- rename: a file that arrived under its name is whole; one written in place must be stable.
- done_file: whole when its marker is there and not older than the file. Only a notification
  of either makes it worth another look.
- immediate: whole at every look.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triphammer.sensors.files.markers import Marker


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a file showed: its version and when that last changed (microseconds).

    `seen` is the time just before the look. `marked`: its marker is there and belongs to this
    version (False without `done_file`).
    """

    identity: str
    changed: int
    seen: int
    marked: bool = False


@dataclass(slots=True)
class _Waiting:
    due: int
    arrived: bool
    identity: str | None = None
    queued: int | None = None


class Readiness:
    """The files of one folder that were noticed and are not known to be whole.

    Times are microseconds of `config.clock.steady`: a step of the wall clock or a suspend is no
    time in which a writer was quiet. `settle` is a duration in microseconds.
    """

    def __init__(self, ready: str | Mapping[str, Any], settle: int) -> None:
        self._mode = ready if isinstance(ready, str) else "done_file"
        self._settle = settle
        self._waiting: dict[str, _Waiting] = {}
        self._queue: list[tuple[int, str]] = []
        self._by_marker: dict[str, set[str]] = {}
        self.marker = Marker(ready["done_file"]) if isinstance(ready, Mapping) else None

    @property
    def immediate(self) -> bool:
        """True when each look shows a whole file."""
        return self._mode == "immediate"

    def noticed(self, path: str, now: int) -> None:
        """Something of the file has changed, or may have."""
        before = self._waiting.get(path)
        arrived = before is not None and before.arrived
        self._wait(path, now + self._pause(arrived), arrived)

    def arrived(self, path: str, now: int) -> None:
        """The file came under its name as it is: moved in, or found there by a scan."""
        self._wait(path, now + self._pause(True), True)

    def found(self, path: str, identity: str, now: int) -> None:
        """A scan shows a file that is not known to be emitted as it is. One that waits goes on
        waiting."""
        waiting = self._waiting.get(path)
        if waiting is None:
            self.arrived(path, now)
            self._waiting[path].identity = identity
        elif self._mode == "done_file":
            self._wait(path, now + self._pause(waiting.arrived), waiting.arrived)

    def gone(self, path: str) -> None:
        """The file is there no more."""
        if self._waiting.pop(path, None) is not None and self.marker is not None:
            marker = self.marker.of(path)
            self._by_marker[marker].discard(path)
            if not self._by_marker[marker]:
                del self._by_marker[marker]

    def marked(self, marker: str, now: int) -> None:
        """The marker at that path has come or changed: the files it stands for are looked at."""
        for path in list(self._by_marker.get(marker, ())):
            self.noticed(path, now)

    def paths(self) -> list[str]:
        """All files that wait."""
        return list(self._waiting)

    def next_due(self) -> int | None:
        """When the next file is to be looked at; None when nothing waits for time."""
        while self._queue:
            at, path = self._queue[0]
            waiting = self._waiting.get(path)
            if waiting is None or waiting.queued != at:
                heapq.heappop(self._queue)
            elif waiting.due > at:
                waiting.queued = waiting.due
                heapq.heapreplace(self._queue, (waiting.due, path))
            else:
                return at
        return None

    def take(self, now: int, limit: int) -> list[str]:
        """Up to `limit` files that are to be looked at now; `judge` each of them."""
        taken: list[str] = []
        while len(taken) < limit and (due := self.next_due()) is not None and due <= now:
            path = heapq.heappop(self._queue)[1]
            self._waiting[path].queued = None
            taken.append(path)
        return taken

    def judge(self, path: str, look: Look | None, now: int, taken_at: int) -> bool:
        """True when the look at `path`, which was taken at `taken_at`, shows a whole file.

        `now` is a time after the look. `look` is None when there is no file. A file that is
        whole or gone waits no more.
        """
        waiting = self._waiting.get(path)
        if waiting is None:
            return False
        if look is None:
            self.gone(path)
            return False
        if waiting.due > taken_at and self._mode != "immediate":
            return False
        due = self._when_whole(waiting, look, now)
        if due is not None and due <= look.seen:
            self.gone(path)
            return True
        waiting.identity = look.identity
        if due is not None:
            self._wait(path, due, waiting.arrived, look.identity)
        return False

    def _when_whole(self, waiting: _Waiting, look: Look, now: int) -> int | None:
        """The time at which the file is whole unless something changes; None: unknown."""
        match self._mode:
            case "done_file":
                return look.seen if look.marked else None
            case "immediate":
                return look.seen
            case "rename" if waiting.arrived:
                return look.seen
            case _:
                return self._when_stable(waiting, look, now)

    def _when_stable(self, waiting: _Waiting, look: Look, now: int) -> int:
        if waiting.identity not in (None, look.identity):
            return now + self._settle
        # A time of change in the future is another machine's clock: it says nothing.
        return look.seen if look.changed > now else look.changed + self._settle

    def _pause(self, arrived: bool) -> int:
        match self._mode:
            case "stable":
                return self._settle
            case "rename":
                return 0 if arrived else self._settle
            case _:
                return 0

    def _wait(self, path: str, due: int, arrived: bool, identity: str | None = None) -> None:
        waiting = self._waiting.get(path)
        if waiting is None:
            waiting = self._waiting[path] = _Waiting(due, arrived)
            if self.marker is not None:
                self._by_marker.setdefault(self.marker.of(path), set()).add(path)
        waiting.due, waiting.arrived, waiting.identity = due, arrived, identity
        # A later due time is put in the queue when the earlier one comes up: a file that is
        # being written is noticed thousands of times.
        if waiting.queued is None or due < waiting.queued:
            waiting.queued = due
            heapq.heappush(self._queue, (due, path))
