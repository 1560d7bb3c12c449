from __future__ import annotations

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from triphammer import Event, events, flow, webhook
from triphammer.config.loading import load_settings
from triphammer.config.patterns import compile_pattern
from triphammer.config.source import Source
from triphammer.flows.definition import definition_of
from triphammer.sensors.samples import webhook_event
from triphammer.service.announcement import Announcement, announcement
from triphammer.service.loading import Loaded

PATTERNS = [
    {"data": {"ref": ["refs/heads/main", "refs/heads/next"]}},
    {"data": {"repo": {"name": [{"prefix": "trip"}], "private": [False]}, "n": [7]}},
]


def announced(folder: Path, *sources: Source) -> Announcement:
    @flow(on=list(sources))
    def listens(event: Event) -> None:
        """Only what it listens to counts."""

    flows = {"listens": definition_of(listens)}
    loaded = load_settings(folder, config=None, flags={})
    return announcement(loaded, Loaded(flows=flows, errors=(), warnings=(), specs={}), 1, "1.0")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_body_to_try_is_one_that_the_pattern_lets_through(
    tmp_path: Path, pattern: dict[str, object]
) -> None:
    hints = announced(tmp_path, webhook("deploy").where(pattern)).hints
    words = shlex.split(hints[0])
    assert words[:4] == ["curl", "-X", "POST", "http://127.0.0.1:1/hooks/deploy"]
    event = webhook_event("deploy", json.loads(words[-1]))
    assert event.time <= datetime.now(UTC)
    assert compile_pattern(pattern).matches(event)


def test_the_command_is_named_so_that_it_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["bin/triphammer"])
    monkeypatch.chdir(tmp_path)
    hints = announced(tmp_path, events(type="x")).hints
    assert hints[-1] == f"{tmp_path}/bin/triphammer runs"
