"""How the sensor hears of changes: the news, and what a feed of them must be."""

from __future__ import annotations

from typing import Protocol


class News(Protocol):
    """Takes what a feed has to tell; paths are below the watched folder, with `/`.

    Called on the service loop; nothing of it waits.
    """

    def changed(self, path: str) -> None:
        """A file was made or written to."""
        ...

    def written(self, path: str) -> None:
        """A file that was open for writing was closed."""
        ...

    def arrived(self, path: str) -> None:
        """Something came under this name by a rename."""
        ...

    def gone(self, path: str) -> None:
        """A file is there no more under this name."""
        ...

    def folder_came(self, path: str) -> None:
        """A folder is new: it must be scanned, with all below it."""
        ...

    def folder_gone(self, path: str) -> None:
        """A folder is there no more, with all below it."""
        ...

    def missed(self, reason: str) -> None:
        """News were lost: everything must be scanned."""
        ...


class Feed(Protocol):
    """Tells news of the folders that it was told to watch, until cancelled."""

    def watch(self, folder: str) -> None:
        """Watch one folder below the watched one, "" being itself; called from a thread.

        Raises OSError.
        """
        ...

    async def run(self, news: News) -> None: ...

    def close(self) -> None: ...
