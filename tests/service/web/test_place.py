from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.web.console.place import TABS, Place, place_of

HERE = Place(run="run_1")


@pytest.mark.parametrize(
    ("place", "address"),
    [
        (HERE.link(), "/runs/run_1"),
        (HERE.link(task="a b", on="task"), "/runs/run_1?task=a+b#task"),
        (HERE.to_task("enrich[3]"), "/runs/run_1?task=enrich%5B3%5D#task"),
        (HERE.to_log(task="a", attempt=2), "/runs/run_1?tab=log&task=a&attempt=2"),
        (Place(run="run_1", tab="log", q="x").link(tab="overview"), "/runs/run_1?q=x"),
        (Place(run="run_1", since=0).link(), "/runs/run_1?since=0"),
    ],
)
def test_every_place_has_an_address(place: str, address: str) -> None:
    assert place == address


def test_what_a_query_cannot_mean_is_left_out() -> None:
    query = {"tab": "none", "level": "LOUD", "attempt": "-1", "before": "x", "q": "y" * 500}
    assert place_of("run_1", query) == Place(run="run_1", q="y" * 200)


NUMBERS = st.integers(0, 10**18 - 1)
PLACES = st.builds(
    Place,
    run=st.just("run_1"),
    tab=st.sampled_from(TABS),
    task=st.text(),
    attempt=NUMBERS,
    items=st.text(),
    after=st.text(),
    level=st.sampled_from(["", "info", "warning", "error"]),
    q=st.text(max_size=200),
    line=NUMBERS,
    before=NUMBERS,
    since=st.none() | NUMBERS,
    at=NUMBERS,
)


@given(PLACES)
def test_an_address_leads_to_its_place(place: Place) -> None:
    query = dict(parse_qsl(urlsplit(place.link()).query, keep_blank_values=True))
    assert place_of("run_1", query) == place
