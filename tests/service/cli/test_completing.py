"""What the shell may complete."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
import typer

from tests.service.client.scripted import answer, daemon
from triphammer.service.cli import completing
from triphammer.service.cli.app import build

FLOWS = {
    "items": [{"name": "orders", "doc": "Loads orders.\nMore."}, {"name": "shop", "doc": ""}],
    "next": None,
}
RUNS = {
    "items": [
        {"id": "run_1", "flow": "orders", "state": "failed", "tags": ["b", "a"]},
        {"id": "run_2", "flow": "shop", "state": "queued", "tags": ["a"]},
    ],
    "next": None,
}
EVENTS = {"items": [{"key": "evt_1", "type": "demo"}], "next": None}
TASKS = {"tasks": [{"name": "load", "state": "failed"}]}


def context(**params: Any) -> typer.Context:
    """What stands on the line so far."""
    made = typer.Context(typer.main.get_command(build()))
    made.params = params
    return made


@pytest.mark.parametrize(
    ("complete", "incomplete", "told", "found"),
    [
        (completing.flow_names, "o", FLOWS, [("orders", "Loads orders.")]),
        (completing.run_ids, "run_", RUNS, [("run_1", "orders failed"), ("run_2", "shop queued")]),
        (completing.run_ids, "run_2", RUNS, [("run_2", "shop queued")]),
        (completing.event_keys, "", EVENTS, [("evt_1", "demo")]),
        (completing.shown_things, "evt_", EVENTS, [("evt_1", "demo")]),
        (completing.shown_things, "run_1", RUNS, [("run_1", "orders failed")]),
        (completing.shown_things, "sh", FLOWS, [("shop", "")]),
        (completing.task_names, "", TASKS, [("load", "failed")]),
        (completing.tags_of_runs, "", RUNS, ["a", "b"]),
    ],
)
def test_names_and_ids(
    complete: Callable[[typer.Context, str], Any], incomplete: str, told: object, found: object
) -> None:
    with daemon(answer(200, told)) as there:
        assert complete(context(url=there.url, run="run_1"), incomplete) == found


@pytest.mark.parametrize("away", [True, False])
def test_a_daemon_that_is_away_or_silent_is_not_waited_for(
    away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completing, "PATIENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        if away:
            silent.close()
            url = "http://127.0.0.1:9"
        else:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert completing.flow_names(context(url=url), "") == []


def test_a_refusal_completes_nothing() -> None:
    with daemon(answer(401, {"detail": "who are you?"})) as there:
        assert completing.flow_names(context(url=there.url, token="wrong"), "") == []
    assert there.asked[0].headers["authorization"] == "Bearer wrong"


def test_no_task_without_a_run() -> None:
    assert completing.task_names(context(url="http://127.0.0.1:9"), "") == []
