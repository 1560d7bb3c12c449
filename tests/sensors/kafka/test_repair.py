from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from tests.kafka.batches import CODECS, Headers, make_batch
from triphammer.sensors.kafka.records import ROTTEN
from triphammer.sensors.kafka.repair import repair

Values = Sequence[tuple[bytes, Headers]]
HEADERS = st.lists(st.tuples(st.binary(max_size=6), st.none() | st.binary(max_size=4)), max_size=3)
BATCH = st.lists(st.tuples(st.binary(max_size=8), HEADERS), min_size=1, max_size=4)
GOOD: Values = [(b"one", [(b"a", b"1")]), (b"two", [])]
BAD_NAME: Values = [(b"one", []), (b"two", [(b"\xffn\xc3", b"1"), (b"\xc3\xa9", None)])]


def read(records: bytes) -> list[Any]:
    """What the library makes of them."""
    batches: Any = MemoryRecords(records)
    found: list[Any] = []
    while batches.has_next():
        batch = batches.next_batch()
        assert batch.validate_crc()
        found += list(batch)
    return found


def as_name(raw: bytes) -> str:
    """One byte after the other, by the longest text that begins there."""
    name = ""
    while raw:
        for size in (1, 2, 3, 4):
            try:
                name += raw[:size].decode()
            except UnicodeDecodeError:
                continue
            raw = raw[size:]
            break
        else:
            name, raw = name + "?", raw[1:]
    return name


@given(st.lists(st.tuples(BATCH, st.sampled_from(sorted(CODECS))), max_size=3))
def test_whatever_the_names_every_record_is_read(batches: list[tuple[Values, str]]) -> None:
    records = b""
    wanted: list[tuple[int, bytes, list[tuple[str, bytes | None]]]] = []
    for values, codec in batches:
        base = len(wanted)
        records += make_batch(values, base=base, codec=codec)
        for n, (value, headers) in enumerate(values):
            wanted.append((base + n, value, [(as_name(k), v) for k, v in headers]))
    found = [(r.offset, r.value, list(r.headers)) for r in read(repair(records))]
    assert found == wanted


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_what_can_be_read_stays_as_it_is(codec: str) -> None:
    records = make_batch(GOOD, codec=codec) + make_batch(GOOD, base=2, codec=codec)
    assert repair(records) == records
    assert repair(records[:-5]) == records[:-5], "a fetch may end in the middle of a batch"
    assert repair(b"") == b""


def test_a_fetch_that_ends_within_a_batch_is_repaired_before_it() -> None:
    whole, rest = make_batch(BAD_NAME), make_batch(GOOD, base=2)[:40]
    repaired = repair(whole + rest)
    assert repaired.endswith(rest)
    assert [list(r.headers) for r in read(repaired)] == [[], [("?n?", b"1"), ("é", None)]]


@pytest.mark.parametrize("at", range(16 + 1, 61 + 10))
def test_a_batch_that_has_rotted_is_one_record_that_holds_it(at: int) -> None:
    first = make_batch(BAD_NAME, base=5)
    rotten = bytearray(make_batch(GOOD, base=7))
    rotten[at] ^= 0x55
    *before, seal = read(repair(first + rotten + make_batch(GOOD, base=9)))
    assert [r.value for r in before] == [b"one", b"two"]
    assert (seal.offset, seal.value) == (8, bytes(rotten))
    ((name, text),) = seal.headers
    assert name == ROTTEN
    assert text.startswith(b"the records 7 to 8 have rotted")


def test_a_rotten_batch_at_the_end_says_itself_how_long_it_is() -> None:
    rotten = bytearray(make_batch(GOOD, base=7))
    rotten[-1] ^= 1
    (seal,) = read(repair(bytes(rotten)))
    assert (seal.offset, seal.value) == (8, bytes(rotten))


@pytest.mark.parametrize("byte", [26, 60], ids=["last offset", "count"])
def test_what_cannot_be_helped_stays_as_it_is(byte: int) -> None:
    rotten = bytearray(make_batch(GOOD, base=7))
    rotten[byte] ^= 4
    assert repair(bytes(rotten)) == rotten, "nobody knows where it ends"
    old = b"\0" * 16 + b"\1" + b"\0" * 80
    assert repair(old) == old
