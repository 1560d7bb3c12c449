"""The access log tells of each request in one line, whatever its client has written."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.logging import ACCESS, configure_logging
from triphammer.config.secrets import Secrets
from triphammer.config.settings import LogSettings
from triphammer.service.telemetry.access_log import AccessLog
from triphammer.service.web.seen import Seen

NOW = 1_760_000_000_123_456
FIELDS = re.compile(
    r"2025-10-09T08:53:20\.123\+00:00 (\S+) (\S+) \"(\S+) (\S+)\" (\d+) (\d+) ([\d.]+)ms (\S+)\Z"
)
Form = Literal["off", "text", "json"]


def a_request(method: str = "GET", path: str = "/livez") -> Seen:
    seen = Seen({"method": method, "path": path, "client": ("10.0.0.7", 5)})
    seen.status, seen.sent, seen.seconds = 200, 15, 0.0123456
    return seen


@contextmanager
def written(access: Form) -> Generator[io.StringIO]:
    """What the daemon's log says, with the logging put back as it was."""
    out, root, ours = io.StringIO(), logging.getLogger(), logging.getLogger(ACCESS)
    before = root.handlers[:], root.level, ours.handlers[:], ours.level
    try:
        secrets = Secrets(values={"S": "hunter2"})
        configure_logging(LogSettings(format="json", access=access), secrets, out)
        yield out
    finally:
        root.handlers[:], ours.handlers[:] = before[0], before[2]
        root.setLevel(before[1])
        ours.setLevel(before[3])
        ours.propagate = True


def line_of(form: Literal["text", "json"], seen: Seen) -> str:
    with written(form) as out:
        AccessLog(form, lambda: NOW)(seen)
    text = out.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text[:-1]


def test_text() -> None:
    seen = a_request("POST", "/hooks/orders")
    seen.who, seen.trace = "ci", "ab" * 16
    line = line_of("text", seen)
    told = f'10.0.0.7 ci "POST /hooks/orders" 200 15 12.3ms {"ab" * 16}'
    assert line == f"2025-10-09T08:53:20.123+00:00 {told}"


def test_json() -> None:
    seen = a_request("POST", "/hooks/orders")
    seen.who, seen.route, seen.trace = "ci", "/hooks/{path}", "ab" * 16
    assert json.loads(line_of("json", seen)) == {
        "time": "2025-10-09T08:53:20.123+00:00",
        "logger": "triphammer.requests",
        "client": "10.0.0.7",
        "who": "ci",
        "method": "POST",
        "path": "/hooks/orders",
        "route": "/hooks/{path}",
        "status": 200,
        "bytes": 15,
        "seconds": 0.012346,
        "trace_id": "ab" * 16,
    }


def test_nothing_is_written_by_default() -> None:
    with written(LogSettings().access) as out:
        AccessLog("text", lambda: NOW)(a_request())
    assert out.getvalue() == ""


def test_secrets_are_masked() -> None:
    assert "/files/***" in line_of("text", a_request(path="/files/hunter2"))
    assert json.loads(line_of("json", a_request(path="/x/hunter2")))["path"] == "/x/***"


@pytest.mark.parametrize(
    "path",
    [
        '/x" 200 0 0.1ms -\n2025-10-09T08:53:20.123+00:00 1.1.1.1 root "DELETE /',
        "/\x1b[2J\x1b]0;title\x07",
        "/\u202egnp.exe",
        "/a b\tc\rd\x00e\x85f\u2028g",
        "/\udcff\ud800",
        "/%0d%0a",
    ],
)
def test_a_line_stays_a_line(path: str) -> None:
    fields = FIELDS.match(line_of("text", a_request(path=path)))
    assert fields is not None
    assert fields.group(1, 2, 5, 6) == ("10.0.0.7", "-", "200", "15")
    line_of("json", a_request(path=path)).encode("ascii")


@given(st.text(), st.text(), st.text())
def test_whatever_clients_and_tokens_are_called(method: str, path: str, who: str) -> None:
    seen = a_request(method or "X", path or "/")
    seen.who = who
    for form in ("text", "json"):
        line = line_of(form, seen)
        assert all(" " <= letter <= "~" for letter in line)
        assert len(line) < 20_000
    assert FIELDS.match(line_of("text", seen))


def test_a_long_path_is_shortened() -> None:
    assert len(line_of("text", a_request(path="/" + "x" * 30_000))) < 700
