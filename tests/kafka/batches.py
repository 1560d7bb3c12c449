"""Record batches that a well-behaved producer never sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiokafka.record import default_records as library

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
Headers = Sequence[tuple[bytes, bytes | None]]


class _Name(str):
    """A header's name as bytes that need not be text."""

    raw: bytes

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


def make_batch(
    records: Sequence[tuple[bytes, Headers]],
    *,
    base: int = 0,
    codec: str = "none",
    offsets: Sequence[int] | None = None,
) -> bytes:
    """A batch of values with their headers, from offset `base` on; `offsets` count from there."""
    # The compiled one takes names that are text only.
    kind: Any = getattr(library, "_DefaultRecordBatchBuilderPy")  # noqa: B009 - it is private
    builder = kind(2, CODECS[codec], 0, -1, -1, -1, 10_000_000)
    for n, (value, headers) in enumerate(records):
        at = n if offsets is None else offsets[n]
        builder.append(at, 1000 + n, b"k", value, [(_named(k), v) for k, v in headers])
    return base.to_bytes(8, "big") + bytes(builder.build())[8:]


def _named(raw: bytes) -> _Name:
    name = _Name(raw.decode("latin-1"))
    name.raw = raw
    return name
