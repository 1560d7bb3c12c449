from __future__ import annotations

from random import Random

from tests.service.outbox.ledger import START, webhook
from triphammer.flows.journal import OutMessage
from triphammer.service.outbox.breaker import MICROS, Rule
from triphammer.service.outbox.gate import Gate
from triphammer.service.outbox.outcome import Dead, Delivered, Retry
from triphammer.service.store.contract import OutboxRow

GIVE_UP = 3600.0
DOWN = "http://down/x"
FAILED = Retry("down answered 503")


def gate() -> Gate:
    return Gate(Rule(failures=2, first=10.0, longest=60.0), Random(1), GIVE_UP)


def row(id: str, target: str = DOWN, *, attempts: int = 0, at: int = START) -> OutboxRow:
    return row_of(webhook(id, target), attempts=attempts, at=at)


def row_of(message: OutMessage, *, attempts: int = 0, at: int = START) -> OutboxRow:
    return OutboxRow(
        seq=int(message.id[1:]),
        message=message,
        run="run_1",
        flow="orders",
        state="pending",
        attempts=attempts,
        created_at=at,
        due_at=at,
    )


def ids(rows: list[OutboxRow]) -> list[str]:
    return [row.message.id for row in rows]


def opened(outcome: Retry = FAILED, first: OutboxRow | None = None) -> Gate:
    made = gate()
    for _ in range(2):
        assert made.learn(first or row("m1"), outcome, START) == frozenset()
    return made


def test_others_are_not_held() -> None:
    sorted_ = opened().sort([row("m2"), row("m3", "http://down/other")], START)
    assert ids(sorted_.go) == ["m3"]
    ((held, until),) = sorted_.hold
    assert held.message.id == "m2"
    assert START + 5 * MICROS <= until < START + 10 * MICROS


def test_the_message_with_the_fewest_attempts_is_the_probe() -> None:
    closed = opened()
    later = START + 10 * MICROS
    sorted_ = closed.sort([row("m1", attempts=9), row("m2", attempts=1), row("m3")], later)
    assert ids(sorted_.go) == ["m3"]
    assert sorted(ids([held for held, _ in sorted_.hold])) == ["m1", "m2"]
    assert closed.admits(row("m3"), later)
    assert not closed.admits(row("m2"), later)
    assert closed.sort([row("m2")], later).go == []


def test_a_probe_that_found_no_place_leaves_it_to_another() -> None:
    closed = opened()
    later = START + 10 * MICROS
    (probe,) = closed.sort([row("m2")], later).go
    closed.drop(probe)
    assert ids(closed.sort([row("m3")], later).go) == ["m3"]


def test_an_answer_frees_all_that_wait() -> None:
    closed = opened()
    closed.sort([row("m2")], START)
    assert closed.learn(row("m1"), Delivered(), START) == {DOWN}
    assert ids(closed.sort([row("m2"), row("m3")], START).go) == ["m2", "m3"]
    assert closed.learn(row("m2"), Delivered(), START) == frozenset()


def test_a_refusal_of_one_message_is_an_answer() -> None:
    closed = opened()
    assert closed.learn(row("m1"), Retry("answered 400", refused=True), START) == {DOWN}
    assert ids(closed.sort([row("m2")], START).go) == ["m2"]


def test_what_is_no_attempt_tells_nothing() -> None:
    closed = opened()
    later = START + 10 * MICROS
    (probe,) = closed.sort([row("m2")], later).go
    assert closed.learn(probe, Dead("no URL"), later) == frozenset()
    assert ids(closed.sort([row("m3")], later).go) == ["m3"]


def test_messages_grow_old_while_they_are_held() -> None:
    closed = opened()
    later = START + round(GIVE_UP) * MICROS
    closed.learn(closed.sort([row("m9")], later).go[0], FAILED, later)
    ((old, reason),) = closed.sort([row("m2", attempts=4), row("m3", at=later)], later).give_up
    assert old.message.id == "m2"
    assert reason == "down answered 503; given up after 4 attempts of its own"


def test_what_was_not_tried_is_given_up_only_once_its_target_has_failed_for_long() -> None:
    """It was behind a dead letter, or the daemon was off."""
    old = START - round(9 * GIVE_UP) * MICROS
    closed = opened()
    sorted_ = closed.sort([row("m2", at=old)], START)
    assert (ids([held for held, _ in sorted_.hold]), sorted_.give_up) == (["m2"], [])
    later = START + round(GIVE_UP) * MICROS
    closed.learn(closed.sort([row("m9", at=later)], later).go[0], FAILED, later)
    ((given_up, _),) = closed.sort([row("m2", at=old)], later).give_up
    assert given_up.message.id == "m2"


def test_an_absent_broker_is_not_a_reason_to_give_up() -> None:
    def kafka(id: str, topic: str) -> OutboxRow:
        return row_of(OutMessage(id=id, kind="kafka", target=topic, body=b""))

    closed = opened(Retry("no broker", unreachable=True), kafka("m1", "a"))
    later = START + round(2 * GIVE_UP) * MICROS
    probe, *others = [kafka(f"m{n}", topic) for n, topic in enumerate("abc")]
    sorted_ = closed.sort([probe, *others], later)
    assert (sorted_.go, len(sorted_.hold), sorted_.give_up) == ([probe], 2, [])
    assert closed.learn(probe, Delivered(), later) == {"a", "b", "c"}


def test_a_topic_that_is_missing_does_not_close_the_broker() -> None:
    made = gate()
    message = row_of(OutMessage(id="m1", kind="kafka", target="topic", body=b""))
    for _ in range(9):
        made.learn(message, Retry("no topic"), START)
    assert made.sort([message], START).go == [message]


def test_a_disabled_target_gives_the_reason() -> None:
    made = gate()
    made.disable({DOWN: "it is gone"})
    sorted_ = made.sort([row("m1"), row("m2", "http://else")], START)
    assert sorted_.give_up == [(row("m1"), "it is gone")]
    assert ids(sorted_.go) == ["m2"]
    assert not made.admits(row("m1"), START)


def test_an_operator_need_not_wait() -> None:
    closed = opened()
    closed.hurry()
    sorted_ = closed.sort([row("m2"), row("m3")], START)
    assert ids(sorted_.go) == ["m2"]
    assert all(until >= START + MICROS for _, until in sorted_.hold)


def test_a_probe_whose_target_was_disabled_meanwhile_makes_way_for_another() -> None:
    closed = opened()
    later = START + 10 * MICROS
    (probe,) = closed.sort([row("m2")], later).go
    closed.disable({DOWN: "it is gone"})
    assert not closed.admits(probe, later)
    closed.disable({})
    assert ids(closed.sort([row("m3")], later).go) == ["m3"]


def published(id: str, topic: str, attempts: int = 0) -> OutboxRow:
    message = OutMessage(id=id, kind="kafka", target=topic, body=b"{}")
    return row_of(message, attempts=attempts)


def test_of_a_broker_that_is_away_one_message_is_looked_at_soon() -> None:
    away = Retry("no broker", unreachable=True)
    made = opened(away, published("m1", "a"))
    rows = [published("m2", "b", 3), published("m3", "c", 1), published("m4", "b", 1)]
    until = {each.message.id: at - START for each, at in made.sort(rows, START).hold}
    assert until["m3"] <= 5 * MICROS
    assert until["m2"] == until["m4"] == 30 * MICROS, "a backlog is not written anew all the time"
    sorted_ = made.sort([rows[1]], START + until["m3"])
    assert ids(sorted_.go) == ["m3"]
    assert made.learn(rows[1], Delivered(), START + until["m3"]) == {"a", "b", "c"}
