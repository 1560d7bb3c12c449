"""The daemon's log, in both forms."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from triphammer.config.logging import configure_logging
from triphammer.config.secrets import Secrets
from triphammer.config.settings import LogSettings
from triphammer.config.trace_context import current_trace


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, loud = logging.getLogger(), ("triphammer", "aiokafka")
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in loud}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def configure(
    form: Literal["auto", "text", "json"] = "json",
    level: Literal["debug", "info", "warning", "error"] = "info",
    stream: io.StringIO | None = None,
) -> io.StringIO:
    out = io.StringIO() if stream is None else stream
    secrets = Secrets(values={"S": "hunter2", "WORD": "time"})
    configure_logging(LogSettings(format=form, level=level), secrets, out)
    return out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_has_the_text_and_what_is_extra() -> None:
    out = configure()
    extra = {"flow": "orders", "n": 3, "level": "mine", "tags": ["hunter2", None], "at": {"a": 1.5}}
    logging.getLogger("triphammer.web").warning("it was %s\nreally", "hunter2", extra=extra)
    (line,) = lines(out)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "triphammer.web",
        "message": "it was ***\nreally",
        "flow": "orders",
        "n": 3,
        "tags": ["***", None],
        "at": {"a": 1.5},
    }


def test_what_is_about_a_trace_says_so() -> None:
    out = configure()
    log = logging.getLogger("triphammer.web")
    token = current_trace.set("ab" * 16)
    try:
        log.info("within a request")
        log.info("of a message", extra={"trace_id": "cd" * 16})
    finally:
        current_trace.reset(token)
    log.info("outside")
    assert [line.get("trace_id") for line in lines(out)] == ["ab" * 16, "cd" * 16, None]


def test_an_error_comes_with_its_trace_masked() -> None:
    out = configure()
    log = logging.getLogger("triphammer")
    try:
        raise ValueError("hunter2")
    except ValueError:
        log.exception("failed", stack_info=True)
    (line,) = lines(out)
    assert line["error"].startswith("Traceback")
    assert line["error"].endswith("ValueError: ***")
    assert line["stack"].startswith("Stack")


def test_text_is_for_terminals() -> None:
    out = configure("auto", stream=Terminal())
    logging.getLogger("triphammer.web").info("ready", extra={"password": "hunter2"})
    assert out.getvalue().endswith(" INFO    triphammer.web: ready password=***\n")
    plain = configure("auto")
    logging.getLogger("triphammer.web").info("ready")
    assert lines(plain)[0]["message"] == "ready"


def test_levels_hold_for_us_and_others_are_heard_from_warning() -> None:
    out = configure(level="debug")
    logging.getLogger("triphammer.x").debug("ours")
    logging.getLogger("httpx").info("theirs")
    logging.getLogger("httpx").warning("their warning")
    assert [line["message"] for line in lines(out)] == ["ours", "their warning"]
    out = configure(level="error")
    logging.getLogger("triphammer.x").warning("quiet")
    assert lines(out) == []


def test_what_a_task_logged_is_not_said_twice() -> None:
    out = configure()
    logging.getLogger("triphammer").warning("of a task", extra={"captured": True})
    assert lines(out) == []


def test_configuring_again_replaces_what_was() -> None:
    first, second = configure(), configure()
    logging.getLogger("triphammer").warning("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1
