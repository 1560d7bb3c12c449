"""Record batches that the library cannot read, made readable.

The library gives up a whole fetch, and the same one again at each try, over the name of a header
that is not UTF-8 (any producer may send one: the broker does not look) and over a batch that has
rotted on the broker's disk. Here such names get a `?` for each byte that is no text, and a rotten
batch becomes one record that says so and holds its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiokafka import codec
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c, decode_varint

from triphammer.sensors.kafka.positions import NO_TIMESTAMP
from triphammer.sensors.kafka.records import ROTTEN

# Base offset, length, leader's epoch, magic, checksum, attributes, last offset - base offset,
# first and highest timestamp, producer's id, epoch and sequence, number of records.
_HEAD = struct.Struct(">qiibIhiqqqhii")
_LENGTH_FROM = 12
_CHECKED_FROM = 21
_MAGIC = 2
_CODEC = 0b111
# The record around a rotten batch needs less.
_SEAL_SIZE = 1000
_DECODERS: Mapping[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}
"""By the compression's number in the attributes of a batch."""


def repair(records: bytes) -> bytes:
    """The record batches of a fetch, each of which the library can read.

    After a rotten batch the others are left out; they come with the next fetch: it may have
    been the end of a transaction, and the library would go on without having seen that. What
    cannot be helped (of formats before Kafka 0.11, or rotten with nothing behind it that says
    where it ends) stays as it is.
    """
    done: list[bytes] = []
    at = 0
    for batch in _batches(records):
        at += len(batch)
        good = batch if _is_readable(batch) else _renamed(batch)
        if good is None:
            good = _sealed(batch, _base_offset(records[at:]))
            return b"".join([*done, batch if good is None else good])
        done.append(good)
    return b"".join([*done, records[at:]])


def _batches(records: bytes) -> Iterator[bytes]:
    """Those that are there in full: a fetch may end in the middle of one."""
    at = 0
    while at + _HEAD.size <= len(records):
        end = at + _LENGTH_FROM + int.from_bytes(records[at + 8 : at + 12], "big")
        if end > len(records) or records[at + 16] != _MAGIC:
            return
        yield records[at:end]
        at = end


def _base_offset(records: bytes) -> int | None:
    """The offset that the first batch begins at."""
    return int.from_bytes(records[:8], "big") if len(records) >= _LENGTH_FROM else None


def _is_readable(batch: bytes) -> bool:
    parsed: Any = DefaultRecordBatch(batch)
    if not parsed.validate_crc():
        return False
    try:
        for _ in parsed:
            pass
    except (KafkaError, ValueError):
        return False
    return True


# --- names of headers -------------------------------------------------------------------


def _renamed(batch: bytes) -> bytes | None:
    """The same records, uncompressed, under names that are text; None if that does not help."""
    parsed: Any = DefaultRecordBatch(batch)
    if not parsed.validate_crc():
        return None
    body = bytearray(_body(batch, parsed))
    try:
        for name in _names(body, _HEAD.unpack_from(batch)[-1]):
            body[name] = _as_text(bytes(body[name]))
    except (ValueError, IndexError):
        return None
    made = _made(batch, body)
    return made if _is_readable(made) else None


def _body(batch: bytes, parsed: Any) -> bytes:
    """The records of a batch, uncompressed."""
    return _DECODERS[parsed.compression_type](batch[_HEAD.size :])


def _names(body: bytearray, count: int) -> Iterator[slice]:
    """Where in the records the names of their headers stand."""
    at = 0
    for _ in range(count):
        length, at = decode_varint(body, at)
        end = at + length
        at += 1  # attributes
        for _ in ("timestamp", "offset"):
            _, at = decode_varint(body, at)
        for _ in ("key", "value"):
            at = _behind(body, at)
        headers, at = decode_varint(body, at)
        for _ in range(headers):
            length, at = decode_varint(body, at)
            yield slice(at, at + length)
            at = _behind(body, at + length)
        at = end


def _behind(body: bytearray, at: int) -> int:
    """The place behind bytes that follow their length; -1 stands for none."""
    length, at = decode_varint(body, at)
    return at + max(length, 0)


def _as_text(name: bytes) -> bytes:
    """`name` with `?` for every byte that is not UTF-8, as long as before."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join("?" if "\udc80" <= letter <= "\udcff" else letter for letter in text).encode()


def _made(batch: bytes, body: bytearray) -> bytes:
    """`batch` with these records instead."""
    fields: list[int] = list(_HEAD.unpack_from(batch))
    fields[1] = _HEAD.size - _LENGTH_FROM + len(body)
    fields[5] &= ~_CODEC
    fields[4] = calc_crc32c((_HEAD.pack(*fields) + body)[_CHECKED_FROM:])
    return _HEAD.pack(*fields) + body


# --- rot --------------------------------------------------------------------------------


def _sealed(batch: bytes, following: int | None) -> bytes | None:
    """One record that stands for all of a rotten batch, at the last of their offsets; None if
    that is not known. `following`: where the next batch begins."""
    first: int = _HEAD.unpack_from(batch)[0]
    last = _last_offset(batch, following)
    if last is None:
        return None
    text = f"the records {first} to {last} have rotted at the broker: checksum or form is wrong"
    kind: Any = DefaultRecordBatchBuilder
    builder = kind(
        magic=_MAGIC,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=len(batch) + _SEAL_SIZE,
    )
    builder.append(last - first, NO_TIMESTAMP, None, batch, [(ROTTEN, text.encode())])
    made = bytes(builder.build())
    return first.to_bytes(8, "big") + made[8:]


def _last_offset(batch: bytes, following: int | None) -> int | None:
    fields: tuple[int, ...] = _HEAD.unpack_from(batch)
    first, last_delta, count = fields[0], fields[6], fields[-1]
    if following is not None:
        return following - 1 if following > first else None
    # Nobody else says it, and what the batch says of itself may have rotted: twice alike it
    # has not.
    return first + last_delta if 0 <= last_delta == count - 1 else None
