"""The n-th write, fsync or open of the data folder fails, once or until it is mended.

The daemon is under load and stays the same process; whatever it acknowledged is stored. The
faults are drawn from a seed: `TRIPHAMMER_CHAOS_SEED` draws them again, `TRIPHAMMER_CHAOS` is
how many times as many there are.
"""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from threading import Event

import pytest

from tests.acceptance.process import DaemonProcess, NotUp, project
from tests.chaos.faults import Fault, Faults
from tests.chaos.probe import Probe
from tests.chaos.regime import seed, times
from tests.chaos.senders import Senders, audit
from triphammer.service.store.inspection import inspect

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

FLOWS = {
    "keep": """
from array import array
from triphammer import Event, flow, task, webhook


@task
def measure(event: Event) -> array:
    print(event.data["text"])
    return array("b", event.id.encode())


@flow(on=webhook("in"))
def keep(event: Event) -> object:
    return measure(event)
"""
}
DATA = ".triphammer"
ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE)


def drawn_faults(count: int) -> Iterator[Fault]:
    random = Random(seed())
    for number in range(count):
        kind = ("write", "fsync", "open")[number % 3]
        error = random.choice(ERRORS if kind == "open" else ERRORS[:3])
        after = random.randrange(40) if kind == "open" else random.randrange(300)
        yield Fault(kind, after, error, for_good=random.random() < 0.4)


def test_while_it_serves(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", FLOWS)
    faults = Faults(tmp_path, folder / DATA)
    pause = Event()
    with (
        DaemonProcess(folder, env=faults.env) as daemon,
        closing(Probe(daemon.url)) as probe,
        Senders(f"{daemon.url}/hooks/in", size=50) as senders,
    ):
        process = daemon.pid
        for fault in drawn_faults(times(14)):
            faults.order(fault)
            while faults.fired < (2 if fault.for_good else 1):
                pause.wait(0.01)
            faults.heal()
            probe.wait_for(lambda reasons: not reasons)
            senders.wait_taken(3)
        senders.stop()
        audit(daemon, senders.acknowledged)
        assert daemon.pid == process
        assert set(senders.answers) <= {202, 503}, senders.answers
        assert daemon.stop() == 0
    assert inspect(folder / DATA).troubles == ()


@pytest.mark.parametrize("kind", ["write", "fsync", "open"])
def test_while_it_starts(tmp_path: Path, kind: str) -> None:
    """It waits until the fault has passed, or says what is wrong and ends: it never hangs, and
    the next start is none the worse."""
    folder = project(tmp_path / "project", FLOWS)
    faults = Faults(tmp_path, folder / DATA)
    last = {"write": 60, "fsync": 8, "open": 16}[kind]
    daemon = DaemonProcess(folder, env=faults.env)
    with closing_down(daemon):
        for after in range(0, last, max(1, last // times(3))):
            faults.order(Fault(kind, after, errno.EIO, for_good=False))
            if not came_up(daemon):
                faults.heal()
                daemon.start()
            with Senders(f"{daemon.url}/hooks/in", count=1, size=50) as senders:
                senders.wait_taken(3)
            faults.heal()
            audit(daemon, senders.acknowledged)
            assert daemon.stop() == 0
    assert inspect(folder / DATA).troubles == ()


def came_up(daemon: DaemonProcess) -> bool:
    """Whether it is up now; else it has said why not, in words for people."""
    try:
        daemon.start()
    except NotUp as refused:
        said = refused
    else:
        return True
    daemon.kill()
    assert "Traceback" not in str(said)
    assert "Input/output" in str(said) or "unable to open" in str(said)
    return False


@contextmanager
def closing_down(daemon: DaemonProcess) -> Generator[None]:
    try:
        yield
    finally:
        daemon.kill()
