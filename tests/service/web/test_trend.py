"""How long runs took."""

from __future__ import annotations

from triphammer.service.store.looking import FlowStats, RecentRun
from triphammer.service.web.trend import strip_in_words, strip_of, trend_data


def a_run(number: int, took: float | None, state: str = "succeeded") -> RecentRun:
    return RecentRun(
        id=f"run_{number}",
        state=state,
        created_at=number * 1_000_000,
        started_at=None if took is None else 0,
        finished_at=None if took is None else int(took * 1_000_000),
    )


ENDED = (a_run(3, 4.0), a_run(1, 1.0, "failed"), a_run(2, 2.0), a_run(4, None, "cancelled"))


def test_the_chart_goes_from_the_oldest_to_the_newest_and_leaves_out_what_never_began() -> None:
    data = trend_data(FlowStats(ENDED))
    assert data["run"] == ["run_1", "run_2", "run_3"]
    assert data["at"] == [1, 2, 3]
    assert data["took"] == [1, 2, 4]
    assert data["state"] == ["failed", "succeeded", "succeeded"]
    assert (data["p50"], data["p95"]) == (4, 4)
    assert trend_data(FlowStats())["p50"] is None


def test_a_strip_shows_how_long_each_took_beside_the_longest() -> None:
    assert [(bar["id"], bar["size"]) for bar in strip_of(ENDED)] == [
        ("run_4", 0),
        ("run_2", 0.5),
        ("run_1", 0.25),
        ("run_3", 1),
    ]
    assert strip_of([a_run(1, None)])[0]["size"] == 0


def test_a_strip_is_told_in_words() -> None:
    words = "last 4 runs: 2 succeeded, 1 failed, 1 cancelled; the newest succeeded"
    assert strip_in_words(ENDED) == words
    assert strip_in_words(ENDED[:1]) == "the only run that has ended: succeeded"
    assert strip_in_words([]) == "no run has ended yet"
