from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.service.outbox.ledger import START, webhook
from triphammer.service.outbox.courier import lane_name
from triphammer.service.outbox.lanes import LONGEST_WAIT, Lanes
from triphammer.service.store.contract import OutboxRow

LIMIT = 3


def row(number: int, target: str) -> OutboxRow:
    return OutboxRow(
        seq=number,
        message=webhook(f"msg_{number}", f"http://{target}.test/x"),
        run="run_1",
        flow="orders",
        state="pending",
        attempts=0,
        created_at=START,
        due_at=START,
    )


@given(st.lists(st.sampled_from("ab"), max_size=40), st.randoms())
def test_every_row_flies_once_and_no_target_has_too_many(
    targets: list[str], random: object
) -> None:
    rows = [row(number, target) for number, target in enumerate(targets)]
    lanes = Lanes(LIMIT)
    flown: list[str] = []
    flying: list[OutboxRow] = []
    while len(flown) < len(rows):
        start, _ = lanes.offer([r for r in rows if r.message.id not in flown])
        flying += start
        assert lanes.flying == len(flying)
        for target in "ab":
            assert sum(lane_name(r.message) == f"http://{target}.test" for r in flying) <= LIMIT
        landing = flying.pop(getattr(random, "randrange")(len(flying)))  # noqa: B009
        flown.append(landing.message.id)
        follower = lanes.landed(landing, 0.1)
        flying += [follower] if follower else []
    assert sorted(flown) == sorted(r.message.id for r in rows)


def test_what_is_known_is_not_placed_again() -> None:
    lanes = Lanes(LIMIT)
    rows = [row(number, "a") for number in range(2 * LIMIT)]
    assert lanes.offer(rows) == (rows[:LIMIT], [])
    assert lanes.offer(rows) == ([], [])


def test_what_lands_during_a_look_is_known_until_the_next() -> None:
    lanes = Lanes(LIMIT)
    (first,) = rows = [row(0, "a")]
    lanes.begin_look()
    lanes.offer(rows)
    lanes.landed(first, 0.1)
    assert lanes.knows(first), "the rows of that look may be older than its end"
    lanes.begin_look()
    assert not lanes.knows(first)


def test_a_full_target_refuses_and_leaves_others_alone() -> None:
    lanes = Lanes(LIMIT)
    crowd = [row(number, "a") for number in range(100)]
    other = row(100, "b")
    start, refused = lanes.offer([*crowd, other])
    assert start == [*crowd[:LIMIT], other]
    assert refused == crowd[2 * LIMIT :]


def test_refused_rows_wait_as_long_as_the_queue_before_them_takes() -> None:
    lanes = Lanes(LIMIT)
    crowd = [row(number, "a") for number in range(2 * LIMIT + 1000)]
    _, refused = lanes.offer(crowd)
    for _ in range(50):
        lanes.landed(crowd[0], 30.0)
    waits = [lanes.wait(r) for r in refused]
    assert waits == sorted(waits)
    assert waits[0] > 9.0
    assert waits[-1] == LONGEST_WAIT


def test_nothing_more_starts_once_waiting_is_cleared() -> None:
    lanes = Lanes(LIMIT)
    rows = [row(number, "a") for number in range(2 * LIMIT)]
    lanes.offer(rows)
    lanes.clear_waiting()
    assert lanes.landed(rows[0], 0.1) is None
    assert lanes.offer(rows[LIMIT:])[0] == [rows[LIMIT]]
