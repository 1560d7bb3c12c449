"""The feed for other systems, and where inotify's limits are reached: watchfiles.

Its steps are slow: each costs CPU though nothing happens. What it misses (files in new
folders) the scans of new folders and the periodic one find.
"""

from __future__ import annotations

from contextlib import aclosing

from watchfiles import Change, awatch

from triphammer.sensors.files.feed import News
from triphammer.sensors.files.scanning import Scope

STEP_MS = 50
DEBOUNCE_MS = 200
POLL_MS = 1000


class Portable:
    """A feed for everything below the folder of a scope; `poll` asks the kernel for nothing."""

    def __init__(self, scope: Scope, *, poll: bool = False) -> None:
        self._scope = scope
        self._poll = poll

    def watch(self, folder: str) -> None:
        """Nothing to do: watchfiles watches all folders."""

    async def run(self, news: News) -> None:
        """Tell of changes until cancelled. Ends with an error when the folder cannot be watched."""
        changes = awatch(
            self._scope.folder,
            watch_filter=None,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            force_polling=self._poll,
            poll_delay_ms=POLL_MS,
            ignore_permission_denied=True,
            yield_on_timeout=True,
            rust_timeout=1000,
        )
        async with aclosing(changes):
            begun = False
            async for batch in changes:
                if not begun:
                    begun = True
                    news.missed("watching has just begun")
                for change, path in sorted(batch):
                    self._tell(change, self._scope.below(path), news)

    def close(self) -> None:
        """Nothing to give back."""

    def _tell(self, change: Change, path: str, news: News) -> None:
        if change == Change.deleted:
            news.gone(path)
            news.folder_gone(path)
        else:
            news.written(path)
            news.folder_came(path)
