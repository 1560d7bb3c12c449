from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from tests.support.systemd import Listener
from triphammer.service.announcement import status_line
from triphammer.service.health import PartHealth
from triphammer.service.systemd import Systemd, Unit, message, socket_address

LOG = logging.getLogger("test")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as found:
        yield found


def speaking(listener: Listener, watchdog: float | None = None) -> Systemd:
    return Systemd(Unit(listener.address, watchdog), LOG)


def test_a_message_is_one_assignment_a_line() -> None:
    assert message(READY=1, STATUS="two\nlines \t here") == b"READY=1\nSTATUS=two lines here"


def test_a_name_that_begins_with_an_at_sign_is_abstract() -> None:
    assert socket_address("@a/b") == b"\0a/b"
    assert socket_address("/run/systemd/notify") == "/run/systemd/notify"


def test_what_is_asked_is_taken_out_of_the_environment() -> None:
    given = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7", "HOME": "/"}
    assert Unit.taken_from(given, 7) == Unit("/n", 3.0)
    assert given == {"HOME": "/"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "x"},
        {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"},
    ],
)
def test_a_watchdog_that_is_not_meant_is_not_fed(given: dict[str, str]) -> None:
    assert Unit.taken_from(dict(given), 7) == Unit(None, None)


def test_a_path_serves_as_well_as_an_abstract_name(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(str(tmp_path / "n"))
        Systemd(Unit(str(tmp_path / "n")), LOG).ready("serving")
        assert hears.recv(4096) == b"READY=1\nSTATUS=serving"


def test_a_reload_and_a_stop_tell_what_systemd_needs(listener: Listener) -> None:
    systemd = speaking(listener)
    systemd.reloading()
    systemd.stopping(50)
    reloading, stopping = listener.next(), listener.next()
    assert (reloading["RELOADING"], int(reloading["MONOTONIC_USEC"]) > 0) == ("1", True)
    assert (stopping["STOPPING"], stopping["EXTEND_TIMEOUT_USEC"]) == ("1", "50000000")


def test_one_who_does_not_hear_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    systemd = Systemd(Unit("@nobody/listens/here"), LOG)
    systemd.status("a")
    systemd.status("b")
    assert len(caplog.records) == 1
    assert "nobody/listens" in caplog.text


def test_without_systemd_nothing_is_said() -> None:
    Systemd(Unit(), LOG).ready("serving")


def test_the_status_says_first_what_does_not_work() -> None:
    parts = [PartHealth("store", None, 0), PartHealth("sensor kafka", "no broker", 0)]
    assert status_line("http://x", 2, parts[:1]) == "serving 2 flows at http://x"
    assert status_line("http://x", 2, parts) == (
        "sensor kafka: no broker - serving 2 flows at http://x"
    )


@pytest.mark.anyio
async def test_the_watchdog_is_fed_twice_as_often_as_it_asks(listener: Listener) -> None:
    with anyio.move_on_after(9):
        await speaking(listener, 4.0).feed()
    assert listener.all_so_far() == [{"WATCHDOG": "1"}] * 5


@pytest.mark.anyio
async def test_nobody_feeds_where_nobody_watches(listener: Listener) -> None:
    await speaking(listener).feed()
    assert listener.all_so_far() == []


class Writer:
    """A store's writer that answers when it is let."""

    def __init__(self) -> None:
        self.answers = anyio.Event()

    async def answer(self) -> None:
        await self.answers.wait()


@pytest.mark.anyio
async def test_a_writer_that_does_not_answer_withholds_the_food(listener: Listener) -> None:
    systemd, stuck = speaking(listener, 4.0), Writer()
    systemd.watch(stuck.answer)
    async with anyio.create_task_group() as group:
        group.start_soon(systemd.feed)
        await anyio.sleep(60)
        assert listener.all_so_far() == []
        stuck.answers.set()
        await anyio.wait_all_tasks_blocked()
        assert listener.all_so_far() == [{"WATCHDOG": "1"}]
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_while_the_store_is_away_the_loop_alone_is_asked(listener: Listener) -> None:
    systemd, stuck = speaking(listener, 4.0), Writer()
    systemd.watch(stuck.answer)
    async with anyio.create_task_group() as group:
        group.start_soon(systemd.feed)
        await anyio.sleep(1)
        assert listener.all_so_far() == []
        systemd.watch(None)
        await anyio.sleep(3)
        assert listener.all_so_far() == [{"WATCHDOG": "1"}] * 2
        systemd.watch(Writer().answer)
        await anyio.sleep(60)
        assert listener.all_so_far() == []
        group.cancel_scope.cancel()
