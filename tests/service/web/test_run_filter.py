"""The filters of the list of runs."""

from __future__ import annotations

import pytest

from triphammer.sensors.errors import Rejected
from triphammer.service.web.run_filter import read_run_filter

DAY = 86_400_000_000


def test_what_is_filled_in_is_what_the_store_is_asked() -> None:
    given = {"flow": " shop ", "state": "failed", "since": "1970-01-02", "tag": "x", "cursor": "c7"}
    asked = read_run_filter(given, 51)
    assert asked.faults == {}
    page = asked.page
    assert (page.flow, page.state, page.tag, page.since) == ("shop", "failed", "x", DAY)
    assert (page.until, page.event, page.before, page.limit) == (None, None, 7, 51)
    assert asked.query == "flow=shop&state=failed&since=1970-01-02&tag=x"


def test_an_empty_form_means_all_runs() -> None:
    asked = read_run_filter({"flow": "", "state": "", "since": "", "cursor": ""}, 51)
    assert (asked.page.flow, asked.page.state, asked.page.since) == (None, None, None)
    assert asked.query == ""


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"since": "yesterday"}, {"since"}),
        ({"since": "x", "until": "y"}, {"since", "until"}),
        ({"state": "done"}, {"state"}),
    ],
)
def test_what_means_nothing_is_named_and_stays(given: dict[str, str], wrong: set[str]) -> None:
    asked = read_run_filter(given, 51)
    assert set(asked.faults) == wrong
    assert {name: asked.filled[name] for name in given} == given


def test_a_cursor_that_we_never_gave_is_refused() -> None:
    with pytest.raises(Rejected, match="not one of ours"):
        read_run_filter({"cursor": "7"}, 51)


def test_the_query_is_safe_in_an_address() -> None:
    assert read_run_filter({"flow": "a&b=c d"}, 51).query == "flow=a%26b%3Dc+d"
