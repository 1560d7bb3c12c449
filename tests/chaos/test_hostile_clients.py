"""Hostile and broken clients: slow, silent, greedy, malformed, lying.

Meanwhile those that mean well are served, memory stays bounded, every refusal is an answer or
a closed connection, and the log has no traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.acceptance.process import DaemonProcess, project
from tests.chaos.hostile import Crowd, bytewise, crowd, post, request
from tests.chaos.probe import Probe
from tests.chaos.senders import Senders, audit
from triphammer.config.settings import Settings
from triphammer.service.store.inspection import inspect
from triphammer.service.web.connection import PIPELINED
from triphammer.service.web.connections import MOST_BY_DEFAULT

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

FLOWS = {
    "keep": """
from triphammer import Event, flow, task, webhook


@task
async def measure(event: Event) -> int:
    return len(event.data["text"])


@flow(on=webhook("in"))
def keep(event: Event) -> object:
    return measure(event)
"""
}
SETTINGS = """
[server]
head_timeout = "2s"
body_timeout = "2s"

[limits]
body = "10MB"
bodies = "50MB"
active_runs = 50
"""
STREAMS = Settings().limits.streams
MB = 1_000_000
MOST_GROWTH = 150 * MB
"""What an attack may make the daemon's memory grow by, the garbage of its answers included."""
SERVED = 30
"""Deliveries of good clients that must come through while the attackers hold on."""


class Stage:
    """A daemon under attack, with good clients beside."""

    def __init__(self, daemon: DaemonProcess, probe: Probe, senders: Senders) -> None:
        self.daemon = daemon
        self.probe = probe
        self.senders = senders
        self.process = daemon.pid
        self._before = self._memory("VmRSS")
        Path(f"/proc/{self.process}/clear_refs").write_text("5")  # the peak is counted anew

    def _memory(self, name: str) -> int:
        for line in Path(f"/proc/{self.process}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise AssertionError(name)

    @property
    def growth(self) -> int:
        """The peak of the memory since the beginning, less what it was then; bytes."""
        return self._memory("VmHWM") - self._before

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process}/fd").iterdir()))

    def good_clients_are_served(self) -> None:
        """They are, just now."""
        self.senders.wait_taken(SERVED)
        assert self.probe.reasons() == ""


@contextmanager
def stage(folder: Path, settings: str = SETTINGS) -> Generator[Stage]:
    """A daemon and good clients; in the end nothing that was acknowledged is lost."""
    made = project(folder / "project", FLOWS, settings)
    with (
        DaemonProcess(made) as daemon,
        closing(Probe(daemon.url)) as probe,
        Senders(f"{daemon.url}/hooks/in", size=200) as senders,
    ):
        senders.wait_taken(SERVED)
        set = Stage(daemon, probe, senders)
        yield set
        set.good_clients_are_served()
        senders.stop()
        assert senders.answers.keys() <= {202, 0}, senders.answers
        assert senders.answers[0] <= len(senders.acknowledged) // 10
        audit(daemon, senders.acknowledged)
        print(f"memory grew by {set.growth / MB:.0f} MB", dict(senders.answers))
        assert set.growth < MOST_GROWTH
        assert daemon.pid == set.process
        assert daemon.stop() == 0
        assert "Traceback" not in "\n".join(daemon.printed)
    assert inspect(made / ".triphammer").troubles == ()


def test_ten_thousand_that_say_nothing(tmp_path: Path) -> None:
    with stage(tmp_path, SETTINGS.replace('head_timeout = "2s"', "")) as set:
        with crowd(set.daemon.url) as silent:
            silent.open(10_000)
            set.good_clients_are_served()
            assert set.descriptors < MOST_BY_DEFAULT + 200
            refused = set.daemon.text("/metrics")
            assert 'triphammer_http_refused_total{status="closed"}' in refused
        set.good_clients_are_served()


CHUNKED = "Transfer-Encoding: chunked"
LONG = "x" * 40_000


def half_heads(attackers: Crowd) -> None:
    attackers.stream(1000, request("POST", "/hooks/in")[:-2], b"", 0)


def trickled_heads(attackers: Crowd) -> None:
    attackers.open(200)
    attackers.send(*bytewise(request("POST", "/hooks/in", "X-Slow: " + "x" * 40)), pause=0.05)


def trickled_bodies(attackers: Crowd) -> None:
    attackers.open(200)
    body = post(b'{"text": "' + b"x" * 60)
    attackers.send(body[:-60], *bytewise(body[-60:-1]), pause=0.05)


def trickled_chunks(attackers: Crowd) -> None:
    attackers.open(200)
    extended = b"1;" + b"x" * 500 + b"\r\nx\r\n"
    attackers.send(request("POST", "/hooks/in", CHUNKED), *[extended] * 60, pause=0.05)


def endless_header(attackers: Crowd) -> None:
    attackers.stream(50, request("POST", "/hooks/in")[:-2] + b"X: ", b"x" * 100_000, 100)


def endless_url(attackers: Crowd) -> None:
    attackers.stream(50, b"POST /", b"x" * 100_000, 100)


def endless_headers(attackers: Crowd) -> None:
    attackers.stream(50, request("POST", "/hooks/in")[:-2], b"X: y\r\n" * 10_000, 100)


def large_head(attackers: Crowd) -> None:
    attackers.open(200)
    attackers.send(request("POST", "/hooks/in", f"X: {LONG}"))


def endless_trailer(attackers: Crowd) -> None:
    attackers.stream(50, request("POST", "/hooks/in", CHUNKED) + b"0\r\nX: ", b"x" * 100_000, 100)


def endless_body(attackers: Crowd) -> None:
    piece = b"%x\r\n%b\r\n" % (1_000_000, b"x" * 1_000_000)
    attackers.stream(20, request("POST", "/hooks/in", CHUNKED), piece, 40)


def large_body(attackers: Crowd) -> None:
    attackers.open(200)
    attackers.send(request("POST", "/hooks/in", "Content-Length: 99999999999"), b"x" * 1000)


def unfinished_bodies(attackers: Crowd) -> None:
    attackers.stream(
        30, request("POST", "/hooks/in", "Content-Length: 10000000"), b"x" * 900_000, 11
    )


def deep_json(attackers: Crowd) -> None:
    attackers.open(50)
    attackers.send(post(b"[" * 500 + b"]" * 500))


def deepest_json(attackers: Crowd) -> None:
    attackers.open(5)
    attackers.send(post(b"[" * 5_000_000))


def broken_text(attackers: Crowd) -> None:
    attackers.open(200)
    attackers.send(post(b'{"text": "\xff"}'))


def broken_path(attackers: Crowd) -> None:
    attackers.open(200)
    attackers.send(b"POST /hooks/\xff\xfe?\xff HTTP/1.1\r\n\r\n")


def broken_header(attackers: Crowd) -> None:
    attackers.open(200)
    attackers.send(post(b"{}", "X\xff: y", "X: \x01"))


def two_lengths(attackers: Crowd) -> None:
    attackers.open(200)
    smuggled = post(b'{"text": "smuggled"}', "webhook-id: smuggled")
    attackers.send(
        request("POST", "/hooks/in", "Content-Length: 5", CHUNKED) + b"0\r\n\r\n" + smuggled
    )


def other_protocol(attackers: Crowd) -> None:
    attackers.open(200)
    attackers.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500)


Attack = Callable[[Crowd], None]
SLOW: list[tuple[Attack, set[int]]] = [
    (half_heads, {408}),
    (trickled_heads, {408}),
    (trickled_bodies, {408}),
    (trickled_chunks, {408}),
]
LARGE: list[tuple[Attack, set[int]]] = [
    (endless_header, {431}),
    (endless_url, {414}),
    (endless_headers, {431}),
    (large_head, {431}),
    (endless_trailer, {400}),
    (endless_body, {413}),
    (large_body, {413}),
    (unfinished_bodies, {503, 408}),
]
MALFORMED: list[tuple[Attack, set[int]]] = [
    (deep_json, {400}),
    (deepest_json, {400}),
    (broken_text, {400}),
    (broken_path, {400}),
    (broken_header, {400}),
    (two_lengths, {400}),
    (other_protocol, {400}),
]


@pytest.mark.parametrize("attacks", [SLOW, LARGE, MALFORMED], ids=["slow", "large", "malformed"])
def test_each_is_refused_and_nobody_else_hurt(
    tmp_path: Path, attacks: list[tuple[Attack, set[int]]]
) -> None:
    with stage(tmp_path) as set:
        for attack, expected in attacks:
            with crowd(set.daemon.url) as attackers:
                attack(attackers)
                set.good_clients_are_served()
                answered = attackers.statuses()
                print(attack.__name__, dict(answered))
                assert answered.keys() == expected, attack.__name__
        assert "smuggled" not in str(set.daemon.get("/api/v1/events", limit=500))


@pytest.mark.parametrize("reset", [False, True])
def test_requests_that_end_halfway(tmp_path: Path, reset: bool) -> None:
    whole = post(b'{"text": "whole"}')
    with stage(tmp_path) as set:
        for length in (1, 20, len(whole) - 18, len(whole) - 1):
            with crowd(set.daemon.url) as attackers:
                attackers.open(500)
                attackers.send(whole[:length])
                attackers.leave(reset=reset)
        set.good_clients_are_served()
        assert "whole" not in str(set.daemon.get("/api/v1/events", limit=500))


def test_thousands_of_requests_at_once(tmp_path: Path) -> None:
    with stage(tmp_path) as set, crowd(set.daemon.url) as attackers:
        attackers.open(100)
        attackers.send(request("GET", "/livez") * 5000)
        set.good_clients_are_served()
        answers = attackers.answers()
        assert max(answers) > 0
        assert max(answers) <= PIPELINED + 1


def test_answers_that_nobody_reads(tmp_path: Path) -> None:
    with stage(tmp_path) as set, crowd(set.daemon.url) as attackers:
        attackers.open(300)
        for _ in range(20):
            attackers.send(request("GET", "/openapi.json") * 15)
        set.good_clients_are_served()


def test_live_streams_have_a_number_and_all_the_time(tmp_path: Path) -> None:
    with (
        stage(tmp_path) as set,
        crowd(set.daemon.url) as attackers,
        httpx.Client(base_url=set.daemon.url, trust_env=False, timeout=60) as client,
        client.stream("GET", "/api/v1/stream") as good,
    ):
        lines = good.iter_lines()
        assert next(lines).startswith("retry")
        attackers.open(1000)
        attackers.send(request("GET", "/api/v1/stream"))
        set.good_clients_are_served()
        answered = attackers.statuses()
        assert answered.keys() == {200, 503}
        assert answered[200] == STREAMS - 1
        Event().wait(5)  # longer than any head or body may take
        assert any(line.startswith("data") for line in lines)
        set.good_clients_are_served()
