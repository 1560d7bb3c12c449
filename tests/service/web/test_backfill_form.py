"""What was filled into the form of a backfill."""

from __future__ import annotations

import pytest

from triphammer.service.web.backfill_form import read_backfill_form

SPAN = {"from": "2026-03-01", "to": "2026-03-02"}


def test_what_is_left_empty_is_what_the_api_takes_for_it() -> None:
    form = read_backfill_form(SPAN)
    assert form.faults == {}
    assert form.options() == {
        "begin": "2026-03-01",
        "end": "2026-03-02",
        "order": "oldest",
        "only": None,
        "again": False,
        "max_parallel": 1,
    }


def test_everything_can_be_chosen() -> None:
    more = {"order": "newest", "only": "failed", "again": "yes", "max_parallel": " 12 "}
    options = read_backfill_form({**SPAN, **more}).options()
    assert (options["order"], options["only"]) == ("newest", "failed")
    assert (options["again"], options["max_parallel"]) == (True, 12)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"from": ""}, {"from"}),
        ({"from": "", "to": " "}, {"from", "to"}),
        ({"order": "random"}, {"order"}),
        ({"only": "some"}, {"only"}),
        ({"max_parallel": "0"}, {"max_parallel"}),
        ({"max_parallel": "1001"}, {"max_parallel"}),
        ({"max_parallel": "9" * 5000}, {"max_parallel"}),
        ({"max_parallel": "-1"}, {"max_parallel"}),
        ({"max_parallel": "²"}, {"max_parallel"}),
        ({"max_parallel": "many"}, {"max_parallel"}),
    ],
)
def test_what_no_field_can_hold_is_named(given: dict[str, str], wrong: set[str]) -> None:
    form = read_backfill_form({**SPAN, **given})
    assert set(form.faults) == wrong
    assert form.filled["to"] == given.get("to", SPAN["to"]).strip(), "what was filled in stays"


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        ("from='x' is no date", "from"),
        ("to='x' is no date", "to"),
        ("again runs every tick", "again"),
        ("total has no schedule", ""),
    ],
)
def test_a_refusal_stands_beside_the_field_that_it_names(reason: str, field: str) -> None:
    assert read_backfill_form(SPAN).refused(reason).faults == {field: reason}
