from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.web.timing import bars

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def a_task(start: float, length: float | None) -> dict[str, Any]:
    began = BEGAN + timedelta(seconds=start)
    end = None if length is None else (began + timedelta(seconds=length)).isoformat()
    return {
        "name": f"t{start}",
        "state": "succeeded",
        "started_at": began.isoformat(),
        "finished_at": end,
    }


def test_bars_share_the_time_of_the_run() -> None:
    found = bars([a_task(0, 1), a_task(1, 3), a_task(4, 0)])
    assert [(bar["left"], bar["width"]) for bar in found] == [(0, 25), (25, 75), (99.5, 0.5)]


def test_a_task_that_has_not_begun_has_no_bar() -> None:
    task = {"name": "t", "state": "pending", "started_at": None, "finished_at": None}
    assert bars([task]) == []


@given(st.lists(st.tuples(st.floats(0, 1e4), st.none() | st.floats(0, 1e4)), min_size=1))
def test_every_bar_is_seen_whole(times: list[tuple[float, float | None]]) -> None:
    for bar in bars([a_task(*time) for time in times]):
        assert bar["width"] >= 0.5
        assert bar["left"] >= 0
        assert bar["left"] + bar["width"] <= 100.01
