from __future__ import annotations

from tests.sensors.kafka.test_records import NOW, FakeRecord
from triphammer.sensors.kafka.batch import Cursor, Taken, take_batch
from triphammer.sensors.kafka.positions import (
    Partition,
    Position,
    decode_position,
    encode_position,
    position_key,
)
from triphammer.sensors.kafka.records import RecordReader

READERS = {
    name: RecordReader(cluster="c", topic=name, connection="kafka", value="json") for name in "ab"
}


def records(first: int, last: int, timestamp: int = 9) -> list[FakeRecord]:
    return [FakeRecord(b"{}", offset=n, timestamp=timestamp) for n in range(first, last)]


def take(batch: dict[Partition, list[FakeRecord]], cursors: dict[Partition, Cursor]) -> Taken:
    return take_batch(batch, cursors, READERS, NOW)


def offsets(taken: Taken) -> list[int]:
    return [event.extensions["offset"] for event in taken.events]


def test_partitions_move_past_their_last_record() -> None:
    batch = {("a", 0): records(5, 8), ("b", 1): records(0, 1)}
    taken = take(batch, {("a", 0): Cursor(Position(5)), ("b", 1): Cursor(Position(0))})
    assert offsets(taken) == [5, 6, 7, 0]
    assert taken.moved == {("a", 0): Position(8, 9), ("b", 1): Position(1, 9)}


def test_a_position_stays_with_its_topic() -> None:
    taken = take({("a", 0): records(5, 8)}, {("a", 0): Cursor(Position(5, 1, "id"))})
    assert taken.moved == {("a", 0): Position(8, 9, "id")}


def test_partitions_without_a_cursor_are_left_alone() -> None:
    taken = take({("a", 0): records(0, 3)}, {})
    assert (taken.events, taken.moved) == ([], {})


def test_records_before_the_cursor_are_left_out() -> None:
    taken = take({("a", 0): records(0, 7)}, {("a", 0): Cursor(Position(5))})
    assert offsets(taken) == [5, 6]
    taken = take({("a", 0): records(0, 3)}, {("a", 0): Cursor(Position(5))})
    assert (taken.events, taken.moved) == ([], {})


def test_holes_are_no_gaps() -> None:
    batch = {("a", 0): [*records(5, 6), *records(9, 10)]}
    taken = take(batch, {("a", 0): Cursor(Position(4))})
    assert offsets(taken) == [5, 9]
    assert taken.moved == {("a", 0): Position(10, 9)}


def test_the_same_record_before_the_cursor_clears_the_check() -> None:
    taken = take({("a", 0): records(4, 7)}, {("a", 0): Cursor(Position(5), check=9)})
    assert offsets(taken) == [5, 6]
    assert (taken.checked, taken.replaced) == ([("a", 0)], [])


def test_another_record_there_means_another_log() -> None:
    taken = take({("a", 0): records(4, 7)}, {("a", 0): Cursor(Position(5), check=8)})
    assert (taken.events, taken.moved, taken.replaced) == ([], {}, [("a", 0)])


def test_a_record_that_compaction_removed_proves_nothing() -> None:
    taken = take({("a", 0): records(5, 7)}, {("a", 0): Cursor(Position(5), check=8)})
    assert offsets(taken) == [5, 6]
    assert taken.replaced == []


def test_a_batch_of_dead_letters_moves_on_too() -> None:
    batch = {("a", 0): [FakeRecord(b"{", offset=5)]}
    taken = take(batch, {("a", 0): Cursor(Position(5))})
    assert len(taken.dead) == 1
    assert taken.moved == {("a", 0): Position(6, FakeRecord().timestamp)}


def test_positions_are_stored_as_text() -> None:
    position = Position(12, 1_700_000_000_123, "id")
    assert encode_position(position) == '{"next":12,"timestamp":1700000000123,"topic":"id"}'
    assert decode_position('{"next":12,"timestamp":5}') == Position(12, 5), "of older versions"
    assert decode_position(encode_position(position)) == position
    assert position_key("c1", ("orders", 3)) == "c1/orders/3"
