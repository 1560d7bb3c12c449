"""Calls as values: what they send, and where to."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from triphammer.service.access.scopes import SCOPES
from triphammer.service.client import words
from triphammer.service.client.sync import Client
from triphammer.service.dispatcher.marking import RunMark, TaskMark
from triphammer.service.store.backfills import Only, Order
from triphammer.service.web.deadletters import KINDS
from triphammer.service.web.documents import RUN_STATES
from triphammer.service.web.stream import KINDS as STREAM_KINDS


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a b", "/api/v1/flows/f/state/a%20b"),
        ("..", "/api/v1/flows/f/state/%2E%2E"),
        ("a/../b", "/api/v1/flows/f/state/a%2F%2E%2E%2Fb"),
        ("ä?#%", "/api/v1/flows/f/state/%C3%A4%3F%23%25"),
    ],
)
def test_whatever_is_named_leads_to_its_own_route(key: str, path: str) -> None:
    assert Client.state_value("f", key).path == path


def test_what_is_not_given_is_left_out() -> None:
    assert Client.runs(state="failed").query == {"state": "failed", "limit": 50}


def test_moments() -> None:
    east = timezone(timedelta(hours=9))
    call = Client.events(since=datetime(2027, 1, 31, 6, tzinfo=east), until="2027-02-01")
    assert call.query["since"] == "2027-01-31T06:00:00+09:00"
    assert call.query["until"] == "2027-02-01"
    assert words.moment(datetime(2027, 1, 31, tzinfo=UTC)) == "2027-01-31T00:00:00+00:00"


def test_the_words_are_those_of_the_daemon() -> None:
    from triphammer.service.client.news import Kind

    assert get_args(words.RunState) == RUN_STATES
    assert get_args(words.Scope) == SCOPES
    assert set(get_args(words.DeadKind)) == set(KINDS)
    assert set(get_args(Kind)) == set(STREAM_KINDS)
    assert (words.RunMark, words.TaskMark) == (RunMark, TaskMark)
    assert (words.Order, words.Only) == (Order, Only)


def test_methods_tell_how_they_are_called() -> None:
    client = Client("http://127.0.0.1:9")
    assert list(inspect.signature(client.start).parameters) == ["flow", "params", "event", "key"]
    assert "Start a run" in (inspect.getdoc(client.start) or "")
    assert inspect.isroutine(Client.start)
