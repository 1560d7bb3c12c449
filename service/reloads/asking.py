"""How the running daemon is asked to load its flows again, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec

from triphammer.sensors.errors import StoreUnavailable


class Wrong(msgspec.Struct, frozen=True):
    """An error of a flow file and its place."""

    file: str | None
    line: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.file is None else f"{self.file}:{self.line}: {self.message}"


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What loading the flows again has changed, by name.

    `kept` go on at their last good version, since their file is broken. `notes` tell what
    became of the runs of removed flows.
    """

    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    removed: Sequence[str] = ()
    kept: Sequence[str] = ()
    flows: int = 0
    errors: Sequence[Wrong] = ()
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        named = {"new": self.added, "changed": self.changed, "removed": self.removed}
        told = [f"{word}: {', '.join(names)}" for word, names in named.items() if names]
        counts = f"{self.flows} flows, {len(self.errors)} errors"
        return "; ".join([counts, *(told or ["nothing has changed"])])


class Asked:
    """Those who have asked for a reload since the last one."""

    def __init__(self) -> None:
        self.is_forced = False
        """Somebody wants it done whatever the files look like."""
        self.answered = anyio.Event()
        self.answer: Reloaded | None = None

    def give_up(self) -> None:
        """Nobody will answer: the store has failed meanwhile."""
        self.answered.set()

    def tell(self, answer: Reloaded) -> None:
        """Answer all of them."""
        self.answer = answer
        self.answered.set()


class Reloads:
    """Asks the running daemon to load the flows again; asking twice before it happens is asking
    once."""

    def __init__(self) -> None:
        self._wake = anyio.Event()
        self._asked = Asked()

    def ask(self) -> None:
        """Load again, soon."""
        self._asked.is_forced = True
        self._wake.set()

    def ask_if_changed(self) -> None:
        """Load again, soon, unless all files are as they were loaded."""
        self._wake.set()

    async def reload(self) -> Reloaded:
        """Load again and say what came of it. Raises `StoreUnavailable`."""
        asked = self._asked
        self.ask()
        await asked.answered.wait()
        if asked.answer is None:
            raise StoreUnavailable("the store failed while flows were loaded; ask again")
        return asked.answer

    async def next(self) -> Asked:
        """Return when somebody has asked."""
        await self._wake.wait()
        asked, self._asked = self._asked, Asked()
        self._wake = anyio.Event()
        return asked
