"""I1, I2 for files: eight ways of writing over restarts, kills and a queue that overflows."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.chaos.audit import opened
from tests.chaos.regime import seed, times
from tests.sensors.files.eight_ways import (
    AT_ONCE,
    Version,
    Way,
    at_once,
    before_start,
    in_pieces,
    rewritten,
)

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]

FLOWS = {
    "seen": """
import hashlib
from pathlib import Path
from triphammer import Event, files, flow, task

@task
def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

@flow(on=files("inbox", "**/*.csv", settle="1s"))
def seen(event: Event):
    return digest(event.data["path"])
"""
}
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
RESTARTS = 4
NOTES_A_FILE = 3
"""Of each file that is written: it is made, changed, closed."""


class Inbox:
    """The folder, what was written into it, and what the daemon has stored of that."""

    def __init__(self, project: Path) -> None:
        self.folder = project / "inbox"
        self.expected: list[Version] = []
        self._database = project / ".triphammer" / "triphammer.db"

    def write(self, ways: list[Way], count: int, folder: Path | None = None) -> None:
        """All the ways at once, each on a thread of its own."""
        threads = [
            threading.Thread(target=self._write, args=(way, count, folder or self.folder))
            for way in ways
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write(self, way: Way, count: int, folder: Path) -> None:
        below = folder.relative_to(self.folder)
        self.expected += [(str(below / path), size) for path, size in way(folder, count)]

    def stored(self) -> list[Version]:
        """Path and size of each event of a file."""
        with closing(opened(self._database)) as database:
            return database.execute(
                "SELECT subject, json_extract(data, '$.size') FROM events"
                " WHERE type LIKE 'triphammer.file.%'"
            ).fetchall()

    def results(self) -> list[tuple[str, int, str, bytes | None]]:
        """Path, size, state and result of each run."""
        with closing(opened(self._database)) as database:
            return database.execute(
                "SELECT subject, json_extract(data, '$.size'), runs.state, runs.result"
                " FROM runs JOIN events ON events.key = runs.event"
            ).fetchall()

    def has_all(self) -> bool:
        """Whether every whole version that was written is an event."""
        return not self.missed()

    def missed(self) -> set[Version]:
        """Whole versions that no event tells of."""
        return set(self.expected) - set(self.stored())

    def partial(self) -> set[Version]:
        """What was told of or read, and was never whole; of files that are claimed."""
        claimed = {path for path, _ in self.expected}
        told = {version for version in self.stored() if version[0] in claimed}
        return (told - set(self.expected)) | {row[:2] for row in self.results() if self._torn(*row)}

    def duplicate(self) -> list[Version]:
        """What more than one event tells of."""
        return [version for version, times in Counter(self.stored()).items() if times > 1]

    def _torn(self, path: str, size: int, state: str, result: bytes | None) -> bool:
        """Whether a run read something else than the whole version that its event told of."""
        if state == "superseded":
            return not path.startswith("rewritten")
        content = (self.folder / path).read_bytes()
        if len(content) != size:  # it was written anew since
            content = b"first"
        return hashlib.sha256(content).hexdigest().encode() not in (result or b"")


def restarts_while(
    daemon: DaemonProcess, random: Random, count: int, work: threading.Thread
) -> None:
    """Kill and start the daemon while `work` goes on."""
    work.start()
    for _ in range(count):
        threading.Event().wait(random.uniform(0.1, 0.8))
        daemon.kill()
        daemon.start()
    work.join()


def settled(daemon: DaemonProcess) -> bool:
    return not daemon.runs("seen", "queued") and not daemon.runs("seen", "running")


@contextmanager
def counted(inbox: Inbox) -> Generator[None]:
    """Says at the end, also of what fails or takes too long, what was written and found."""
    try:
        yield
    finally:
        print(
            f"{len({path for path, _ in inbox.expected})} files,"
            f" {len(inbox.expected)} versions of them: missed {len(inbox.missed())},"
            f" partial {len(inbox.partial())}, duplicate {len(inbox.duplicate())}"
        )


def test_no_file_is_missed_or_torn_or_told_twice(make_daemon: Serve) -> None:
    random, each = Random(seed()), times(50)
    overflowing = int(QUEUE.read_text()) // NOTES_A_FILE + 500
    daemon = make_daemon(FLOWS)
    inbox = Inbox(daemon.project)
    with counted(inbox):
        daemon.kill()
        inbox.write([before_start], each)
        daemon.start()
        for ways in ([in_pieces], list(AT_ONCE)):
            work = threading.Thread(target=inbox.write, args=(ways, each))
            restarts_while(daemon, random, RESTARTS // 2, work)
        daemon.wait_until(inbox.has_all)
        # It is stopped dead while more happens than its queue of notifications holds.
        daemon.signal(signal.SIGSTOP)
        (inbox.folder / "flood").mkdir()
        inbox.write([at_once], overflowing, inbox.folder / "flood")
        daemon.signal(signal.SIGCONT)
        daemon.wait_until(inbox.has_all)
        inbox.write([rewritten], each)
        assert daemon.stop() == 0
        daemon.start()
        daemon.wait_until(inbox.has_all)
        (inbox.folder / "last.csv").write_bytes(b"last")
        inbox.expected.append(("last.csv", 4))
        daemon.wait_until(inbox.has_all)
        daemon.wait_until(lambda: settled(daemon))
        assert daemon.stop() == 0
        print(f"{RESTARTS + 1} restarts, of them {RESTARTS} after a kill, a flood of {overflowing}")
        assert not inbox.partial()
        assert not inbox.duplicate()
        ended = [state for _, _, state, _ in inbox.results()]
        assert not set(ended) - {"succeeded", "superseded"}
        assert len(ended) == len(inbox.stored()), "each event has one run"
