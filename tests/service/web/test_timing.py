from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.flows.journal import TaskRow
from triphammer.service.store.run_reads import AttemptTime
from triphammer.service.web.timing import Piece, RunTime, lasting, ticks, timeline

SECOND = 1_000_000
ENDED = RunTime(created=0, started=SECOND, finished=10 * SECOND, state="succeeded", now=99 * SECOND)


def a_task(name: str, start: float | None, end: float | None, **more: Any) -> TaskRow:
    return TaskRow(
        name=name,
        state=more.pop("state", "succeeded"),
        attempt=more.pop("attempt", 1),
        started_at=None if start is None else int(start * SECOND),
        finished_at=None if end is None else int(end * SECOND),
        **more,
    )


def a_node(name: str, *upstream: str, kind: str = "task") -> dict[str, Any]:
    return {"name": name, "kind": kind, "upstream": list(upstream)}


def drawn(run: RunTime, nodes: Any, task: TaskRow, *failed: AttemptTime) -> list[Any]:
    found = timeline(run, nodes, {"up": a_task("up", 1, 2), task.name: task}, failed)
    return [(p.kind, p.state, p.left, p.width) for p in found.tracks[task.name].pieces]


def test_the_run_itself_waits_and_runs() -> None:
    whole = timeline(ENDED, [], {}, []).whole
    assert [(p.kind, p.left, p.width) for p in whole.pieces] == [
        ("queued", 0, 10),
        ("attempt", 10, 90),
    ]
    assert whole.text == "queued, 1 s; succeeded, 9 s"


def test_a_task_is_queued_from_the_end_of_its_upstreams() -> None:
    nodes = [a_node("up"), a_node("t", "up")]
    assert drawn(ENDED, nodes, a_task("t", 3, 5)) == [
        ("queued", "queued", 20, 10),
        ("attempt", "succeeded", 30, 20),
    ]


def test_attempts_and_the_time_between_them_are_shown() -> None:
    task = a_task("t", 6, 7, attempt=2)
    found = drawn(ENDED, [a_node("t", "up")], task, AttemptTime("t", 1, 2 * SECOND, 4 * SECOND))
    assert found == [
        ("attempt", "failed", 20, 20),
        ("retry", "retrying", 40, 20),
        ("attempt", "succeeded", 60, 10),
    ]


def test_the_last_failed_attempt_is_drawn_once() -> None:
    task = a_task("t", 2, 4, state="failed")
    found = drawn(ENDED, [a_node("t", "up")], task, AttemptTime("t", 1, 2 * SECOND, 4 * SECOND))
    assert found == [("attempt", "failed", 20, 20)]


def test_what_goes_on_reaches_to_now() -> None:
    run = RunTime(created=0, started=0, finished=None, state="running", now=20 * SECOND)
    nodes = [a_node("up"), a_node("t", "up"), a_node("w", kind="approve")]
    assert drawn(run, nodes, a_task("t", 10, None, state="running"))[-1][2:] == (50, 50)
    waits = drawn(run, nodes, a_task("w", 5, None, state="waiting"))
    assert waits == [("waiting", "waiting", 25, 75)]
    failed = AttemptTime("t", 1, 2 * SECOND, 4 * SECOND)
    retrying = drawn(run, nodes, a_task("t", 2, 4, state="retrying"), failed)
    assert retrying[-1] == ("retry", "retrying", 20, 80)


def test_a_run_that_was_retried_had_ended_until_then() -> None:
    run = RunTime(0, 9 * SECOND, 10 * SECOND, "succeeded", 99 * SECOND, retries=(8 * SECOND,))
    nodes = [a_node("up"), a_node("t", "up"), a_node("later", "t")]
    tasks = {
        "up": a_task("up", 1, 2),
        "t": a_task("t", 9.2, 9.5, attempt=3),
        "later": a_task("later", 9.6, 10),
    }
    failed = [AttemptTime("t", n, n * SECOND, n * SECOND + SECOND // 2) for n in (2, 3)]
    found = timeline(run, nodes, tasks, failed)
    assert found.whole.text == (
        "ran before it was retried, 3.5 s; had ended, 4.5 s; queued, 1 s; succeeded, 1 s"
    )
    assert [(p.kind, p.left, p.width) for p in found.tracks["t"].pieces] == [
        ("attempt", 20, 5),
        ("retry", 25, 5),
        ("attempt", 30, 5),
        ("ended", 35, 45),
        ("queued", 80, 12),
        ("attempt", 92, 3),
    ]
    assert found.tracks["later"].pieces[0] == Piece("queued", "queued", 95, 1, "queued, 100 ms")
    assert found.tracks["up"].text == "attempt 1 succeeded, 1 s"


def test_what_is_not_kept_of_a_run_before_it_was_retried_is_not_made_up() -> None:
    run = RunTime(0, 9 * SECOND, 10 * SECOND, "succeeded", 0, retries=(2 * SECOND, 8 * SECOND))
    found = timeline(run, [a_node("t")], {"t": a_task("t", 9, 10)}, [])
    assert found.whole.text == (
        "before it was retried, 2 s; before it was retried, 6 s; queued, 1 s; succeeded, 1 s"
    )
    assert [piece.kind for piece in found.tracks["t"].pieces] == ["attempt"]


def test_a_task_that_has_not_begun_has_no_pieces() -> None:
    assert drawn(ENDED, [a_node("t")], a_task("t", None, None, state="pending")) == []


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0.004, ["0", "1 ms", "2 ms", "3 ms", "4 ms"]),
        (10, ["0", "2 s", "4 s", "6 s", "8 s", "10 s"]),
        (3600, ["0", "10 min", "20 min", "30 min", "40 min", "50 min", "60 min"]),
        (40 * 86_400, ["0", "8 days", "16 days", "24 days", "32 days", "40 days"]),
    ],
)
def test_marks_stand_at_round_times(seconds: float, labels: list[str]) -> None:
    assert [tick.label for tick in ticks(int(seconds * SECOND))] == labels


def test_a_length_of_time_is_told_in_the_unit_that_fits() -> None:
    told = [lasting(s) for s in (0.0123, 1.25, 59, 600, 9000, 200_000)]
    assert told == ["12 ms", "1.2 s", "59 s", "10 min", "2.5 h", "2.3 days"]


TIMES = st.floats(0, 1e4)


@given(st.lists(st.tuples(TIMES, st.none() | TIMES), min_size=1, max_size=20), TIMES)
def test_every_piece_is_seen_whole(times: list[tuple[float, float | None]], end: float) -> None:
    tasks = {
        f"t{n}": a_task(f"t{n}", start, None if length is None else start + length)
        for n, (start, length) in enumerate(times)
    }
    run = RunTime(created=0, started=0, finished=int(end * SECOND), state="failed", now=0)
    for track in timeline(run, [], tasks, []).tracks.values():
        for piece in track.pieces:
            assert piece.left >= 0
            assert piece.left + piece.width <= 100.01
            assert piece.width > 0 or piece.kind == "queued"


@given(st.integers(1, 10**15))
def test_marks_are_few_and_within_the_picture(length: int) -> None:
    found = ticks(length)
    assert 1 <= len(found) <= 7
    assert all(0 <= tick.left <= 100 for tick in found)
