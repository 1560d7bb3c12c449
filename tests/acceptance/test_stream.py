"""The stream of news of the real daemon: taken up again after a break, ended with the daemon."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.acceptance.test_access import FLOWS

HOOK = "/hooks/in"


@contextmanager
def stream(daemon: DaemonProcess, last: str = "", **query: str) -> Generator[Iterator[str]]:
    """The lines of a stream, after the news `last` if it is given."""
    headers = {"Last-Event-ID": last} if last else {}
    with (
        httpx.Client(base_url=daemon.url, trust_env=False, timeout=None) as client,
        client.stream("GET", "/api/v1/stream", params=query, headers=headers) as answer,
    ):
        yield answer.iter_lines()


def id_of(lines: Iterator[str]) -> str:
    """The next id that is told."""
    return next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")


def test_what_came_during_a_break_is_told_afterwards(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    with stream(daemon) as lines:
        place = id_of(lines)
    key = daemon.post(HOOK, json=1).json()["event"]
    other = daemon.post(HOOK, json=2).json()["event"]
    with stream(daemon, place, kind="event") as lines:
        told = [line for line in (next(lines) for _ in range(11)) if line.startswith("data: ")]
    assert [key in told[0], other in told[1], len(told)] == [True, True, 2]
    with stream(daemon, last_event_id=place, flow="taking", kind="run") as lines:
        first = next(line for line in lines if line.startswith("data: "))
        assert '"flow":"taking","state":"queued"' in first


def test_a_stop_ends_it_in_order_and_the_next_daemon_says_that_it_knows_nothing(
    make_daemon: Serve,
) -> None:
    daemon = make_daemon(FLOWS)
    with stream(daemon) as lines:
        place = id_of(lines)
        assert daemon.stop() == 0
        rest = list(lines)  # raises where the answer breaks off
    assert all(line[:1] in ("", ":") or line.split(":")[0] in FIELDS for line in rest)
    daemon.start()
    with stream(daemon, place) as lines:
        opened = [next(lines) for _ in range(3)]
        assert not any(line.startswith("id: ") for line in opened[:2])
        assert opened[2] == "event: resync"
        assert id_of(lines) != place


FIELDS = {"id", "event", "data"}
